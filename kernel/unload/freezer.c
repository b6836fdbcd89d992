#include "unload/freezer.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "sched/mutex.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "smp/held.h"
#include "smp/ipi.h"
#include "unload/counts.h"
#include "x86/atomic.h"
#include "x86/clock.h"

/* All who are in a call into some module are counted together, in the core's slot. */
#define ANY_MODULE MAX_OWNERS

/* Two that freeze at once would wait for each other's exceptions. */
static struct mutex freezer_mutex = MUTEX(freezer_mutex, "freezer");
static bool freezing;
static struct task *exempt;		/* the asker, who has the mutex; written before `freezing` */
static u32 again;			/* how often it froze once more meanwhile; the asker's */
static u64 frozen_since;		/* TSC; the asker's */
static bool boosted;			/* the asker: it runs against tasks of the highest priority */
static struct wait_queue refrigerator = WAIT_QUEUE(refrigerator, "refrigerator");
static struct wait_queue left = WAIT_QUEUE(left, "freezer");

/* An exit that unloads another module comes here a second time (hazard C6). */
static bool is_frozen_by_me(void)
{
	if (exempt != current)
		return false;
	again++;
	return true;
}

/* -- at safe points -------------------------------------------------------------- */

/* Counted first, so that either the freezer sees the count or this sees the flag (it
 * interrupts every CPU in between). */
static void before_call(u32 slot)
{
	(void)slot;
	count_entrance(ANY_MODULE);
	while (unlikely(READ_ONCE(freezing)) && may_sleep() && current != exempt) {
		count_exit(ANY_MODULE);
		wake_all(&left);
		(void)wait_event_core(&refrigerator, !READ_ONCE(freezing), WAIT_FOREVER);
		count_entrance(ANY_MODULE);
	}
}

static void after_call(u32 slot)
{
	(void)slot;
	count_exit(ANY_MODULE);
	if (unlikely(READ_ONCE(freezing)))
		wake_all(&left);
}

const struct turnstile freezer_turnstile = { .enter = before_call, .leave = after_call };

static void look_up(void *arg, const struct regs *regs, u32 sp)
{
	(void)arg, (void)regs, (void)sp;
}

int freeze_at_safe_points(u64 deadline)
{
	if (is_frozen_by_me())
		return 0;
	mutex_lock(&freezer_mutex);
	exempt = current;
	frozen_since = rdtsc();
	store_release(&freezing, true);
	owners_signal_sleepers(true);
	int err = smp_call_until(cpus_others(), look_up, NULL, deadline) ? -ETIMEDOUT : 0;
	if (!err)
		err = wait_event_until(&left, !count_inside(ANY_MODULE), deadline);
	owners_signal_sleepers(false);
	if (err)
		thaw_tasks();
	return err;
}

/* -- anywhere --------------------------------------------------------------------- */

static u32 doors_shut;			/* atomic: CPUs on which no lower task runs */

static void shut_door(void *unused)
{
	u64 limit = clock_ns() + FROZEN_LIMIT_NS;
	u64 since = rdtsc();

	(void)unused;
	atomic_add(&doors_shut, 1);
	while (READ_ONCE(freezing) && !clock_passed(limit)) {
		yield();		/* to the asker, who has the same priority */
		cpu_relax();
	}
	held_since(since);
	atomic_sub(&doors_shut, 1);
}

int freeze_anywhere(void)
{
	char name[TASK_NAME_LEN];
	u32 cpu, started = 0;

	if (is_frozen_by_me())
		return 0;
	mutex_lock(&freezer_mutex);
	task_boost(current, PRIO_TOP);
	boosted = true;
	exempt = current;
	frozen_since = rdtsc();
	store_release(&freezing, true);
	for_each_cpu_in(cpu, cpus_online) {
		snprintf(name, sizeof(name), "freezer/%u", cpu);
		struct task *t = task_create_on(cpu, name, PRIO_TOP, shut_door, NULL);
		if (IS_ERR(t)) {
			thaw_tasks();
			return PTR_ERR(t);
		}
		task_put(t);
		started++;
	}
	/* Somebody else may thaw before all are shut; then some open again, and others,
	 * which start late, are taken for those of the next one who freezes. */
	while (READ_ONCE(doors_shut) < started) {
		if (!READ_ONCE(freezing)) {
			thaw_tasks();
			return -EINTR;
		}
		yield();
		cpu_relax();
	}
	return 0;
}

bool frozen_anywhere(void)
{
	return READ_ONCE(doors_shut) != 0;
}

void thaw_tasks(void)
{
	if (exempt == current && again) {
		again--;
		return;
	}
	store_release(&freezing, false);
	wake_all(&refrigerator);
	while (READ_ONCE(doors_shut)) {
		yield();
		cpu_relax();
	}
	if (exempt != current)
		return;
	held_since(frozen_since);
	if (boosted)
		task_unboost(current, PRIO_TOP);
	boosted = false;
	exempt = NULL;
	mutex_unlock(&freezer_mutex);
}
