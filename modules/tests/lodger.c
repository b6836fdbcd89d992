/* lodger: `work` work items that stay inside, all on CPU `cpu`, in a way that a schedule of tools/explore can use
 * (tests/explorer/refute).
 *
 * Each yields, then passes `rounds` times through a PAUSE, where the explorer lets other CPUs run, and `going` times
 * once the module is GOING; that `times` times. init returns when all of them are inside.
 * With wipe=1 a task overwrites what its calls have left below its frame: from then on nothing but EIP says that
 * it is inside. That is what the second look at on_cpu is for (unload/inspect.c, inspect_task()). */
#include "module/api.h"

static u32 work = 1;
module_param(work, uint);
static u32 cpu = 1;
module_param(cpu, uint);
static u32 times = 1000000;
module_param(times, uint);
static u32 rounds = 1;
module_param(rounds, uint);
static u32 going = 12;
module_param(going, uint);
static bool wipe;
module_param(wipe, bool);

static u32 nr_inside;			/* atomic */

static always_inline void stay(u32 n)
{
	while (n--)
		cpu_relax();
}

/* True: the module is GOING, so no sleep is begun any more. */
static noinline bool give_way(void)
{
	yield();
	return sleep_interruptible_ns(0) != 0;
}

/* Without a call, so that no return address is left instead. What an interrupt pushes there is gone when this
 * goes on. */
static always_inline void forget(void)
{
	int i = -256;

	__asm__ volatile("1: movl $0, (%%esp,%0,4)\n\t"
	                 "incl %0\n\t"
	                 "jnz 1b" : "+r"(i) :: "memory", "cc");
}

static void move_to_cpu(void)
{
	current->affinity = CPU_BIT(cpu);
	while (this_cpu_read(id) != cpu)
		sleep_ns(NSEC_PER_MSEC);
}

static noinline void inside(void *unused)
{
	cpumask_t before = current->affinity;

	(void)unused;
	move_to_cpu();
	atomic_add(&nr_inside, 1);
	for (u32 i = 0; i < times; i++) {
		u32 n = give_way() ? going : rounds;

		if (wipe)
			forget();
		stay(n);
	}
	current->affinity = before;
}

static int __init lodger_init(void)
{
	if (cpu >= nr_cpus)
		return -EINVAL;
	for (u32 i = 0; i < work; i++) {
		struct work *w = work_create("lodger", inside, NULL);

		if (IS_ERR(w))
			return PTR_ERR(w);
		work_queue(w);
	}
	while (READ_ONCE(nr_inside) < work)
		sleep_ns(NSEC_PER_MSEC);
	return 0;
}
module_init(lodger_init);

MODULE_DESCRIPTION("Tests: stays inside for a while");
MODULE_NEEDS("patience");
MODULE_LICENSE("MIT");
