#include "unload/hold.h"
#include "lib/errno.h"
#include "sched/mutex.h"
#include "sched/sched.h"
#include "smp/held.h"
#include "smp/idle.h"
#include "smp/ipi.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/panic.h"

struct mutex module_remove_mutex = MUTEX(module_remove_mutex, "trap");
u32 last_trap;			/* under module_remove_mutex */

/* It wraps, and that does no harm. A CPU that carries number n in parking[] stands at
 * module_remove == n with its registers in memory, or is about to look whether it shall:
 *
 *	CPU 0 (asker)			CPU 1
 *	module_remove = n
 *					stand(): n; registers to the stack
 *	module_remove = 0		  (delayed by 2^32 traps)
 *	...
 *	module_remove = n, again
 *					parking.trap = n: stands, as it says
 *
 * So who finds n there may read that stack, whichever trap the CPU came for. */
u32 next_trap(void)
{
	ASSERT(mutex_held(&module_remove_mutex));
	return ++last_trap ? last_trap : ++last_trap;
}

struct kick {
	u8 will_park[NR_CPUS];		/* each CPU writes its own */
};

/* Runs on each CPU, in interrupt context. A CPU that was interrupted where it
 * may be preempted goes straight from this interrupt into schedule(). */
static void kick(void *arg, const struct regs *regs, u32 sp)
{
	struct kick *k = arg;
	struct cpu *c = this_cpu();

	(void)sp;
	c->need_resched = 1;
	bool preemptible = regs && !c->preempt_count && c->irq_depth <= 1 &&
	                   (regs->eflags & EFLAGS_IF);
	k->will_park[c->id] = preemptible || (regs && c->task == c->idle);
}

static bool is_parked(u32 cpu, u32 trap)
{
	return load_acquire(&parking[cpu].trap) == trap;
}

/* Waits for those who said that they come. They may be late: an interrupt can
 * overtake them on the way. */
static void wait_parked(struct hold *h, cpumask_t coming, u64 limit)
{
	u32 cpu;

	for_each_cpu_in(cpu, coming) {
		while (!is_parked(cpu, h->trap) && !clock_passed(limit))
			cpu_relax();
	}
}

void hold_cpus(struct hold *h)
{
	uninitialized struct kick k;	/* each CPU that answers has written its part */
	cpumask_t others, awake;
	u64 limit;
	u32 cpu;

	ASSERT(mutex_held(&module_remove_mutex));
	preempt_disable();

	*h = (struct hold){ .trap = next_trap(),
	                    .start_tsc = rdtsc() };
	others = cpus_others();
	limit = clock_ns() + HOLD_LIMIT_NS;
	module_remove_asker = this_cpu()->id;
	/* Johnson: "it doesn't have to be atomic. It needs only to be volatile."
	 * The IPI below orders it before each CPU's next look: posting a request
	 * is a locked instruction here, taking the interrupt is one there. An idle
	 * CPU orders it when it leaves (smp/idle.c), and then parks. */
	look_in_passing = NULL;		/* first: see park_cpu() */
	module_remove = h->trap;

	if (others) {
		awake = others & ~cpus_idle(others);
		h->silent = smp_call(awake, kick, &k, limit - clock_ns());
		for_each_cpu_in(cpu, awake & ~h->silent) {
			if (k.will_park[cpu])
				h->parked |= CPU_BIT(cpu);
		}
		wait_parked(h, h->parked, limit);
	}
	/* What counts is who stands there now, whatever was announced. */
	h->parked = 0;
	for_each_cpu_in(cpu, others) {
		if (is_parked(cpu, h->trap))
			h->parked |= CPU_BIT(cpu);
	}
	h->unparked = others & ~h->parked;
	h->silent &= h->unparked;
}

void release_cpus(struct hold *h)
{
	ASSERT(module_remove == h->trap);
	module_remove = 0;
	held_since(h->start_tsc);	/* on this CPU, and within this time on the others */
	preempt_enable();
}
