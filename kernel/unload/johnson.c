/* johnson: trap all CPUs in schedule() for a few ticks.
 *
 * Who:    Richard B. Johnson, linux-kernel, 8 Jul 2002 ("simple handling of module
 *         removals"), seed 000. The numbers below are his.
 * Assumes that a use count of zero, checked under a lock, means no users; that the
 *         clean-up gives back interrupts and resources; that after as many timer
 *         ticks as there are CPUs whoever was inside is out, or stands in schedule().
 * Leaves open: those who stand in schedule() with a return address in the module;
 *         those who run on alone on a CPU, which nothing sends to schedule(); and
 *         "interrupts alive and well", which a CPU that keeps them off does not have.
 *
 *   CPU 0 (rmmod)                      CPU 1 (task inside, count 0)
 *   flag up
 *                                      tick: preempted, trapped in schedule()
 *   ticks are over: frees
 *   flag down
 *                                      goes on in freed text
 */
#include "sched/sched.h"
#include "smp/held.h"
#include "smp/percpu.h"
#include "unload/hold.h"
#include "unload/remove.h"
#include "unload/steps.h"
#include "x86/clock.h"
#include "x86/cpu.h"

#define TICK_NS (NSEC_PER_SEC / HZ)

/* His machine ticked 100 times a second. Ours do, too, but for runs that are repeated by a seed,
 * whose ticks are so short that his wait would be none. */
static void wait_ticks(u32 n)
{
	u64 end = clock_ns() + n * TICK_NS;

	while (!clock_passed(end))
		cpu_relax();
}

static int johnson_unload(struct unload *u)
{
	u64 since;
	struct removal r;
	int err;

	mutex_lock(&modules_mutex);
	err = look_at_use_count(u);		/* "no users ... checked under a lock" */
	mutex_unlock(&modules_mutex);
	if (err)
		return err;

	mutex_lock(&module_remove_mutex);
	task_boost(current, PRIO_TOP);		/* (1) `current` isn't preempted, but may sleep */
	cleanup_module(u);			/* (2) */
	removal_begin(u, &r);			/* what of (5) may sleep: lists and names */
	preempt_disable();			/* (1) from here on, for good */
	since = rdtsc();
	module_remove_asker = this_cpu()->id;
	module_remove = next_trap();		/* (3) "it needs only to be volatile" */
	wait_ticks(nr_cpus);			/* (4) "number-of-CPUs timer-ticks" */
	removal_unmap(u, &r);			/* (5) remove the module, */
	module_remove = 0;			/*     reset the flag */
	held_since(since);
	preempt_enable();
	task_unboost(current, PRIO_TOP);
	mutex_unlock(&module_remove_mutex);
	removal_end(u, &r);
	return 0;
}

const struct strategy johnson_strategy = {
	.name   = "johnson",
	.source = "Richard B. Johnson, linux-kernel, 8 Jul 2002",
	.gist   = "clean up, trap all CPUs in schedule(), wait a tick for each CPU, free",
	.module_bytes = USE_COUNT_BYTES,
	.unload = johnson_unload,
};
