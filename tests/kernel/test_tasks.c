/* What tasks may rely on when they switch, wake, end and wait: each held where it would hurt. */
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/grace.h"
#include "sched/ktimer.h"
#include "sched/mutex.h"
#include "sched/rq.h"
#include "sched/sync.h"
#include "sched/wait.h"
#include "sched/way_out.h"
#include "shell/ktest.h"
#include "smp/ipi.h"
#include "tests/kernel/on_cpu.h"
#include "tests/kernel/tests.h"
#include "unload/hold.h"
#include "x86/atomic.h"
#include "x86/clock.h"

#define PATIENCE (20 * NSEC_PER_SEC)
#define SOON     (5 * NSEC_PER_SEC)	/* far below patience: a wake-up came, not a deadline */

static bool at_rest(struct task *t)
{
	return READ_ONCE(t->state) != TASK_RUNNABLE && !READ_ONCE(t->on_rq) && !load_acquire(&t->on_cpu);
}

static bool rests(struct task *t)
{
	u64 end = clock_ns() + PATIENCE;

	while (!at_rest(t) && !clock_passed(end))
		sleep_ms(1);
	return at_rest(t);
}

static int finish(struct task *t)
{
	u64 begun = clock_ns();
	int err = task_join(t, clock_ns() + PATIENCE);

	task_put(t);
	if (!err && clock_ns() - begun > SOON)
		printk("it ended, and nobody was woken\n");
	return err ? err : clock_ns() - begun > SOON ? -ETIMEDOUT : 0;
}

/* -- a switch straight to sleep (schedule_to) -------------------------------------------------- */

static struct { struct spinlock lock; bool with_trap; bool switched; } quick = {
	.lock = SPINLOCK_IRQ("quick", RANK_DEVICE),
};

/* It must go the long way: nobody is to wake it, so an alarm does if it has slept. */
static void wakes_me(struct ktimer *t);
static struct quick_alarm { struct ktimer timer; struct task *task; } quick_alarm;

static void wakes_me(struct ktimer *t)
{
	wake_task(container_of(t, struct quick_alarm, timer)->task);
}

static void switches(void *unused)
{
	(void)unused;
	quick_alarm.task = current;
	ktimer_init(&quick_alarm.timer, wakes_me);
	ktimer_arm(&quick_alarm.timer, clock_ns() + 20 * NSEC_PER_MSEC);
	u32 flags = spin_lock_irqsave(&quick.lock);
	if (quick.with_trap) {
		module_remove_asker = this_cpu_read(id);
		module_remove = next_trap();
	} else {
		current->killed = true;		/* as by one who saw it run, and so woke nobody */
	}
	quick.switched = schedule_to(NULL, &quick.lock);
	if (quick.with_trap)
		module_remove = 0;
	if (!quick.switched)
		spin_unlock_irqrestore(&quick.lock, flags);
	else
		irq_restore(flags);
	ktimer_cancel_sync(&quick_alarm.timer);
}

static int does_not_switch(bool with_trap)
{
	quick.with_trap = with_trap;
	quick.switched = true;
	struct task *t = task_create("quick", PRIO_NORMAL, switches, NULL);
	CHECK(!IS_ERR(t) && !finish(t) && !quick.switched);
	return 0;
}

int test_task_switch_heeds_a_kill(void) { return does_not_switch(false); }

static void switches_in_its_turn(void *unused)
{
	mutex_lock(&module_remove_mutex);
	switches(unused);
	mutex_unlock(&module_remove_mutex);
}

int test_task_switch_heeds_the_trap(void)
{
	quick.with_trap = quick.switched = true;
	struct task *t = task_create("quick", PRIO_NORMAL, switches_in_its_turn, NULL);
	CHECK(!IS_ERR(t) && !finish(t) && !quick.switched);
	return 0;
}

/* -- waking ---------------------------------------------------------------------------------------- */

static struct wait_queue bench = WAIT_QUEUE(bench, "bench");
static bool whistle;

static void sits(void *unused)
{
	(void)unused;
	(void)wait_event_core(&bench, READ_ONCE(whistle), clock_ns() + PATIENCE);
}

int test_task_wake_all_wakes_all(void)
{
	struct task *t[3];
	int err = 0;

	whistle = false;
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		t[i] = task_create("sits", PRIO_NORMAL, sits, NULL);
		CHECK(!IS_ERR(t[i]) && rests(t[i]));
	}
	WRITE_ONCE(whistle, true);
	wake_all(&bench);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		err = err ? err : finish(t[i]);
	return err;
}

/* The record of a waiter lies on its stack, and stays for as long as the waker uses it:
 *
 *	CPU 0 (waker: lock held)	CPU 1 (waiter, awake)
 *	takes it off the list
 *					finishes: has to wait for the lock
 *	wakes w->task
 *	unlocks
 *					its frame is gone
 */
static struct { struct waiter *w; volatile bool go, finished; } early;

static void finishes_early(void *unused)
{
	struct waiter w;

	(void)unused;
	wait_prepare(&bench, &w);
	early.w = &w;
	while (!early.go)
		cpu_relax();
	wait_finish(&w);
	early.finished = true;
}

static int record_of_waiter_stays(void)
{
	early.w = NULL;
	early.go = early.finished = false;
	struct task *t = task_create_on(1, "early", PRIO_NORMAL, finishes_early, NULL);
	CHECK(!IS_ERR(t));
	for (u64 end = clock_ns() + PATIENCE; !READ_ONCE(early.w) && !clock_passed(end); )
		sleep_ms(1);
	CHECK(READ_ONCE(early.w));
	u32 flags = spin_lock_irqsave(&bench.lock);
	list_del(&early.w->node);
	early.go = true;
	for (u64 end = clock_ns() + NSEC_PER_MSEC; !clock_passed(end) && !early.finished; )
		cpu_relax();
	bool too_early = early.finished;
	spin_unlock_irqrestore(&bench.lock, flags);
	CHECK(!finish(t) && !too_early);
	return 0;
}

static void runs_once(void *arg) { *(volatile bool *)arg = true; }

/* A sign to end wakes nobody who must not be woken: one that was not started does not run. */
int test_task_kill_does_not_start(void)
{
	static bool ran;

	ran = false;
	struct task *t = task_create_stopped("stopped", PRIO_HIGH, runs_once, &ran);
	CHECK(!IS_ERR(t));
	task_kill(t);
	sleep_ms(5);
	bool early = READ_ONCE(ran);
	if (!early)
		task_start(t);
	CHECK(!finish(t) && !early && ran);
	return 0;
}

/* -- the end --------------------------------------------------------------------------------------- */

static void naps(void *unused)
{
	(void)unused;
	sleep_ms(2);
}

int test_task_join_returns_at_once(void)
{
	struct task *t = task_create("naps", PRIO_NORMAL, naps, NULL);

	CHECK(!IS_ERR(t));
	return finish(t);
}

static struct mutex left = MUTEX(left, "left");

static void leaves_it_locked(void *unused)
{
	(void)unused;
	mutex_lock(&left);
}

/* A mutex leads to the record of its owner. */
int test_task_record_stays_with_its_mutex(void)
{
	struct task *t = task_create("leaves", PRIO_NORMAL, leaves_it_locked, NULL), *found;

	CHECK(!IS_ERR(t));
	u32 id = t->id;
	CHECK(!finish(t));
	found = task_find(id);
	CHECK(found);
	task_put(found);
	mutex_unlock(&left);
	CHECK(!task_find(id));
	return 0;
}

/* -- priority --------------------------------------------------------------------------------------- */

static struct mutex lent = MUTEX(lent, "lent");
static volatile bool has_it, may_go;

static void owns(void *unused)
{
	(void)unused;
	mutex_lock(&lent);
	has_it = true;
	while (!may_go)
		sleep_ms(1);
	mutex_unlock(&lent);
	while (may_go)
		sleep_ms(1);
}

static void wants(void *unused)
{
	(void)unused;
	mutex_lock(&lent);
	mutex_unlock(&lent);
}

static int priority_goes_back(void)
{
	has_it = may_go = false;
	struct task *low = task_create("low", PRIO_LOW, owns, NULL);
	CHECK(!IS_ERR(low));
	for (u64 end = clock_ns() + PATIENCE; !has_it && !clock_passed(end); )
		sleep_ms(1);
	struct task *high = task_create("high", PRIO_HIGH, wants, NULL);
	CHECK(!IS_ERR(high) && rests(high));
	u32 meanwhile = READ_ONCE(low->prio);
	may_go = true;
	CHECK(!finish(high));
	u32 afterwards = READ_ONCE(low->prio);
	may_go = false;
	CHECK(!finish(low) && meanwhile == PRIO_HIGH && afterwards == PRIO_LOW);
	return 0;
}

int test_task_priority_goes_back(void) { return priority_goes_back(); }

/* -- timers ------------------------------------------------------------------------------------------ */

static struct ktimer again;
static volatile bool in_timer, cancelled;

/* Until a task waits for its end; then it arms itself once more. */
static void arms_again(struct ktimer *t)
{
	in_timer = true;
	while (!cancelled)
		cpu_relax();
	ktimer_arm(t, clock_ns() + NSEC_PER_SEC);
	in_timer = false;
}

static void arms(void *unused)
{
	(void)unused;
	ktimer_arm(&again, clock_ns() + NSEC_PER_MSEC);
	sleep_ms(5);
}

static void cancels(void *unused)
{
	(void)unused;
	ktimer_cancel_sync(&again);
}

static bool in_timer_soon(bool expected)
{
	for (u64 end = clock_ns() + PATIENCE; in_timer != expected && !clock_passed(end); )
		sleep_ms(1);
	return in_timer == expected;
}

/* It arms itself behind the last look of the canceller, and has ended at the next:
 *
 *	CPU 0 (cancels)			last CPU (timer interrupt)
 *	runs there: waits
 *	not queued
 *					arms itself
 *					returns
 *	runs nowhere: takes it out
 */
static int cancel_is_final(void)
{
	in_timer = cancelled = false;
	ktimer_init(&again, arms_again);
	struct task *t = task_create_on(nr_cpus - 1, "arms", PRIO_NORMAL, arms, NULL);
	CHECK(!IS_ERR(t) && in_timer_soon(true));
	CHECK(!sync_hold("ktimer:cancels", 1));
	struct task *canceller = task_create_on(0, "cancels", PRIO_NORMAL, cancels, NULL);
	CHECK(!IS_ERR(canceller) && !sync_wait_held("ktimer:cancels", clock_ns() + PATIENCE));
	cancelled = true;
	CHECK(in_timer_soon(false));
	sleep_ms(1);			/* and its interrupt has ended */
	sync_release("ktimer:cancels");
	CHECK(!finish(canceller));
	bool armed = ktimer_cancel(&again);
	CHECK(!finish(t) && !armed);
	return 0;
}

static volatile bool busy, over;

static void keeps_busy(void *unused)
{
	(void)unused;
	busy = true;
	while (!over)
		cpu_relax();
}

/* The best of some: a host may be busy. Beside a task that runs: an idle CPU looks for its next timer anyway. */
static int short_sleeps_are_short(void)
{
	u64 best = ~0ull;

	busy = over = false;
	struct task *t = task_create_on(0, "busy", PRIO_LOW, keeps_busy, NULL);
	CHECK(!IS_ERR(t));
	for (u64 end = clock_ns() + PATIENCE; !busy && !clock_passed(end); )
		sleep_ms(1);
	for (u32 i = 0; i < 20; i++) {
		u64 begun = clock_ns();
		sleep_ns(100 * NSEC_PER_USEC);
		best = MIN(best, clock_ns() - begun);
	}
	over = true;
	CHECK(!finish(t) && best < 5 * NSEC_PER_MSEC);
	return 0;
}

/* -- grace periods -------------------------------------------------------------------------------------- */

static struct keeper { volatile bool there, go; } keeper[2];

/* Stays on its CPU, with preemption off: no period that began after that ends before. */
static void keeps_cpu(void *arg)
{
	struct keeper *k = arg;

	preempt_disable();
	k->there = true;
	while (!k->go)
		cpu_relax();
	preempt_enable();
}

static struct task *keep(u32 cpu)
{
	struct keeper *k = &keeper[cpu];

	*k = (struct keeper){ 0 };
	struct task *t = task_create_on(cpu, "keeps", PRIO_TOP, keeps_cpu, k);
	for (u64 end = clock_ns() + PATIENCE; !IS_ERR(t) && !k->there && !clock_passed(end); )
		sleep_ms(1);
	return t;
}

static struct deferred { struct grace_callback cb; volatile bool over; } first, second;

static void is_over(struct grace_callback *cb) { container_of(cb, struct deferred, cb)->over = true; }

static bool soon_over(const struct deferred *d, u64 ns)
{
	for (u64 end = clock_ns() + ns; !d->over && !clock_passed(end); )
		sleep_ms(1);
	return d->over;
}

static bool is_grace_task(struct task *t, void *found)
{
	if (streq(t->name, "grace"))
		*(struct task **)found = t;	/* it never ends */
	return false;
}

/* The period under way has passed all CPUs before this one. */
static bool period_comes_to(u32 cpu)
{
	struct task *grace = NULL;

	tasks_each(is_grace_task, &grace);
	for (u64 end = clock_ns() + PATIENCE; grace && READ_ONCE(grace->cpu) != cpu && !clock_passed(end); )
		sleep_ms(1);
	return grace && READ_ONCE(grace->cpu) == cpu;
}

/*	CPU 0			CPU 1			CPU 2 (this one)
 *				keeps its CPU		defers the first: its period passes
 *							CPU 0, and stands before CPU 1
 *	keeps its CPU					defers the second
 *				goes			the first is over; the second has to
 *	goes						wait for CPU 0
 */
static int each_has_its_own_period(void)
{
	first = (struct deferred){ .cb = GRACE_CALLBACK(first.cb) };
	second = (struct deferred){ .cb = GRACE_CALLBACK(second.cb) };
	struct task *one = keep(1);
	CHECK(!IS_ERR(one));
	grace_defer(&first.cb, is_over);
	CHECK(period_comes_to(1));
	struct task *zero = keep(0);
	CHECK(!IS_ERR(zero));
	grace_defer(&second.cb, is_over);
	keeper[1].go = true;
	bool ended = soon_over(&first, PATIENCE), early = soon_over(&second, 20 * NSEC_PER_MSEC);
	keeper[0].go = true;
	CHECK(soon_over(&second, PATIENCE) && !finish(zero) && !finish(one));
	CHECK(ended && !early);
	return 0;
}

static int keeping_to(u32 cpu, u32 least, int (*body)(void))
{
	return ON_CPU(cpu, least, body());
}

int test_task_waiter_stays_for_its_waker(void) { return keeping_to(0, 2, record_of_waiter_stays); }
int test_task_short_sleeps_are_short(void) { return keeping_to(0, 1, short_sleeps_are_short); }
int test_task_cancel_is_final(void) { return keeping_to(0, 2, cancel_is_final); }
int test_task_each_has_its_own_grace_period(void) { return keeping_to(2, 3, each_has_its_own_period); }

/* -- what may be abandoned (way_out.h) --------------------------------------------------------------- */

static struct mutex anothers = MUTEX(anothers, "another's");
static u64 overdue_at;		/* TSC: the patience of the caller is over by then */
static u32 place;		/* of the task that overstays: on its way there, there, out again */
enum { BEFORE, THERE, BEHIND };

static noinline void outlasts_it(void)
{
	WRITE_ONCE(place, THERE);
	while (rdtsc() < overdue_at)
		cpu_relax();
	WRITE_ONCE(place, BEHIND);
}

/* These stand for a module. `arg`: what to do inside. */
enum { PLAINLY, WITH_A_MUTEX, ON_A_QUEUE, IN_THE_CORE };

static noinline void overstays(void *arg)
{
	u32 how = (u32)arg;

	if (how == WITH_A_MUTEX)
		mutex_lock(&anothers);
	if (how == ON_A_QUEUE)
		current->must_return++;
	if (how == IN_THE_CORE) {
		outlasts_it();
	} else {
		WRITE_ONCE(place, THERE);
		while (rdtsc() < overdue_at)
			cpu_relax();
	}
	if (how == ON_A_QUEUE)
		current->must_return--;
	if (how == WITH_A_MUTEX)
		mutex_unlock(&anothers);
	WRITE_ONCE(place, BEHIND);
}

/* Where the function ends is not told: the part up to where it has begun to do so is enough. */
#define BYTES_OF_OVERSTAYS 256u

static bool returns(u32 how)
{
	struct way_out w;

	WRITE_ONCE(place, BEFORE);
	overdue_at = rdtsc() + tsc_khz() * 60ull;		/* 60 ms */
	return call_with_way_out(overstays, (void *)how, (u32)overstays, BYTES_OF_OVERSTAYS,
	                         5 * NSEC_PER_MSEC, &w);
}

/* Left before it is there, or behind it, it may be: where the host takes the CPU away in between,
 * the patience is over there too. That shows nothing. */
static bool is_left(u32 how)
{
	bool returned;

	do
		returned = returns(how);
	while (!returned && READ_ONCE(place) == BEFORE);
	if (returned || READ_ONCE(place) == BEHIND)
		return false;
	if (how == WITH_A_MUTEX)
		mutex_unlock(&anothers);
	if (how == ON_A_QUEUE)
		current->must_return--;
	return true;
}

int test_task_is_left_only_where_nobody_misses_it(void)
{
	u32 tries = 0;

	/* Where the host takes the CPU away for all of the 60 ms, no tick comes in time. */
	while (!is_left(PLAINLY))
		CHECK(++tries < 20);
	CHECK(!is_left(WITH_A_MUTEX));
	CHECK(!is_left(ON_A_QUEUE));
	CHECK(!is_left(IN_THE_CORE));
	return 0;
}
