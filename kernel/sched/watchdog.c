/* Names a CPU that keeps a task waiting: one that spins with preemption or interrupts off.
 *
 * Each CPU watches the next one from its timer interrupt, since a CPU with interrupts off takes none of its
 * own. A machine with one CPU watches itself, and then sees only that preemption stays off.
 *
 * A CPU is stuck when STUCK_LOOKS looks in a row, a second apart, find that it has not switched since the first and
 * that a task of its priority or a higher one waits in its queue. A task of lower priority may wait for ever. While
 * an unload holds the CPUs no look counts. After a panic, and in a debugger, no CPU takes timer interrupts,
 * so none is made.
 *
 * Reported once, for as long as it is stuck. */
#include "sched/watchdog.h"
#include "sched/rq.h"
#include "smp/ipi.h"
#include "lib/math64.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/symbols.h"

#define STUCK_LOOKS   (10 * BUILD_SLOWNESS)
#define NMI_PATIENCE  (100 * NSEC_PER_MSEC)

u64 watchdog_pause_ns = NSEC_PER_SEC;
u32 watchdog_reports;

static struct watch {			/* by its watcher only, interrupts off */
	u64 next_look;			/* clock_ns() */
	u64 switched_at;		/* of the watched CPU, as last seen */
	u32 looks;			/* in a row that found it waited for, and no switch since the first */
} watches[NR_CPUS];

/* Does a task wait that should have run? Where the lock is taken the CPU is switching, or was asked for
 * a moment ago: no. */
static bool is_waited_for(struct rq *rq, u64 *switched_at)
{
	bool waited_for;

	if (READ_ONCE(rq->nr_running) < 2 || !spin_trylock(&rq->lock))
		return false;
	waited_for = rq->curr != rq->idle && runqueue_highest(&rq->queue) >= (int)rq->curr->prio;
	*switched_at = rq->switched_at;
	spin_unlock_pinned(&rq->lock);
	preempt_enable_no_resched();
	return waited_for;
}

static void report(u32 cpu, const struct regs *regs)
{
	struct regs there;

	atomic_add(&watchdog_reports, 1);
	printk("watchdog: CPU %u (task %s) has not switched for %u s, and a task waits for it. It is at\n", cpu,
	       cpu_task_name(cpu), (u32)div_u64(STUCK_LOOKS * watchdog_pause_ns, NSEC_PER_SEC));
	if (cpu == this_cpu()->id)
		backtrace_regs(regs);
	else if (nmi_look(cpu, &there, NMI_PATIENCE))
		backtrace(there.eip, there.ebp);	/* a copy: where its stack is, is not in it */
	else
		printk("  (unknown: it does not answer an NMI)\n");
}

void watchdog_look(const struct regs *regs)
{
	u32 cpu = (this_cpu()->id + 1) % nr_cpus;
	struct watch *w = &watches[this_cpu()->id];
	u64 now = clock_ns(), switched_at = 0;

	if (now < w->next_look)
		return;
	w->next_look = now + READ_ONCE(watchdog_pause_ns);
	if (module_remove || !is_waited_for(rq_of(cpu), &switched_at) || (w->looks && switched_at != w->switched_at)) {
		w->looks = 0;
		return;
	}
	w->switched_at = switched_at;
	if (++w->looks == STUCK_LOOKS)
		report(cpu, regs);
}
