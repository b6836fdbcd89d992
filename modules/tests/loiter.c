/* loiter: open() of its device stays inside for a while; with work=1 a work item does, from the load on. For
 * tools/explore, which begins when inside() is entered (--from inside).
 *
 * It sleeps in the core for `nap` microseconds, then passes `rounds` times through a PAUSE, where the explorer lets
 * other CPUs run. Then it gives up the CPU inside, `times` times, and waits a little in between.
 * With keeps=1 open() stays with preemption off, with keeps=2 with interrupts off, when it is counted no more and until
 * stage.go is set: a task that no walk over runnable tasks finds, and one that no interrupt reaches.
 * With wipe=1 it gives it up once, in a frame that is gone afterwards, overwrites what that left on the stack, and
 * waits: then nothing but EIP says that it is inside. That is what the second look at on_cpu is for
 * (unload/inspect.c, inspect_task()). */
#include "module/api.h"
#include "entry/stage.h"

static u32 times = 4;
module_param(times, uint);
static bool wipe;
module_param(wipe, bool);
static u32 nap;
module_param(nap, uint);
static u32 rounds = 100;
module_param(rounds, uint);
static bool work;
module_param(work, bool);
static u32 keeps;
module_param(keeps, uint);

/* open() counts itself, as drivers of 2.4 did. */
MODULE_COUNTS_ITSELF();

static void stay(u32 n)
{
	while (n--)
		cpu_relax();
}

static void give_way(void)
{
	for (u32 i = 0; i < times; i++) {
		yield();
		stay(2);
	}
}

static noinline void give_way_below(void)
{
	u32 room[16];

	__asm__ volatile("" : "=m"(room));
	yield();
	__asm__ volatile("" :: "m"(room));
}

/* In the frame of inside() itself, and without calls behind the first: no return address into the module is left. */
static always_inline void give_way_and_forget(void)
{
	u32 words = 128, n = times, *below;

	give_way_below();
	below = __builtin_alloca(words * sizeof(u32));
	__asm__ volatile("rep stosl" : "+D"(below), "+c"(words) : "a"(0) : "memory");
	stay(n);
}

static noinline void inside(void *unused)
{
	(void)unused;
	if (nap)
		sleep_ns(nap * NSEC_PER_USEC);
	stay(rounds);
	if (wipe)
		give_way_and_forget();
	else
		give_way();
}

static noinline void keep_the_cpu(void)
{
	u32 flags = keeps == 2 ? irq_save() : 0;

	preempt_disable();
	stage.at = 1;
	while (!stage.go)
		cpu_relax();
	preempt_enable();
	if (keeps == 2)
		irq_restore(flags);
}

static int loiter_open(struct file *f)
{
	(void)f;
	MOD_INC_USE_COUNT;
	if (!keeps)
		inside(NULL);
	MOD_DEC_USE_COUNT;
	if (keeps)
		keep_the_cpu();
	return -EAGAIN;
}

static const struct chrdev_ops ops = { .open = loiter_open };

static int __init begin_work(void)
{
	struct work *w = work_create("loiter", inside, NULL);

	if (IS_ERR(w))
		return PTR_ERR(w);
	work_queue(w);
	return 0;
}

static int __init loiter_init(void)
{
	struct chrdev *dev = chrdev_register("loiter", &ops, NULL);

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	return work ? begin_work() : 0;
}
module_init(loiter_init);

MODULE_DESCRIPTION("Tests: stays inside for a while");
MODULE_NEEDS("patience");
MODULE_LICENSE("MIT");
