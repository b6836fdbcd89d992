/* Sleeping until something is so, without missing that it becomes so.
 *
 *	sleeper					waker
 *	wait_prepare(): on the list
 *	condition? no
 *						makes it true
 *						wake: takes the sleeper off the list;
 *						wakes it: it is awake, nothing to do
 *	wait_sleep(): not on the list any
 *	more: does not sleep
 *
 * A wake-up is the removal from the list, under the queue's lock; the state of the
 * task only says whether it has to be put on a run queue as well. Whatever ends a
 * sleep early (kill, a closing module, an alarm) sets something first and wakes
 * the task then, and the sleeper sets its state first and looks at it then. */
#include "sched/wait.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/ktimer.h"
#include "sched/callers.h"
#include "sched/rq.h"
#include "sched/way_out.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/panic.h"

u32 wait_gate_active;
static int open_gate(u32 caller) { (void)caller; return 0; }
int (*wait_gate)(u32 caller) = open_gate;

void wait_queue_init(struct wait_queue *q, const char *name)
{
	q->name = name;
	spin_init(&q->lock, name, RANK_WAIT, true);
	list_init(&q->waiters);
}

void set_state(enum task_state s)
{
	atomic_xchg(&current->state, s);
}

/* The gates of all modules that the sleep is for: that of who asked for it, of whoever called
 * that one (a driver that waits in a library), and of the object that this task works on. */
static noinline int ask_gates(u32 caller)
{
	struct caller_walk w = callers_of_me();
	int err = wait_gate(caller);

	if (!err && current->works_on)
		err = wait_gate(current->works_on);
	while (!err && (caller = caller_next(&w)))
		err = wait_gate(caller);
	return err;
}

int interrupted(u32 heeds, u32 caller)
{
	int err = 0;

	if ((heeds & HEEDS_SIGNS) && (task_killed() || task_should_stop() || way_out_overdue()))
		err = -EINTR;
	else if ((heeds & HEEDS_TIME) && way_out_overdue())
		err = -EINTR;
	else if ((heeds & HEEDS_GATE) && unlikely(READ_ONCE(wait_gate_active)))
		err = ask_gates(caller);
	/* Without HEEDS_SIGNS the caller is not shown the error: sleep_ns(). */
	if (err && (heeds & HEEDS_SIGNS))
		current->told_to_leave = true;
	return err;
}

/* -- the alarm that ends a sleep at its deadline ------------------------------------ */

struct alarm {
	struct ktimer timer;
	struct task *task;
};

/* Timer interrupt. The task waits in alarm_stop() until this has returned, so it
 * is still there. */
static void ring(struct ktimer *timer)
{
	wake_task(container_of(timer, struct alarm, timer)->task);
}

static void alarm_start(struct alarm *a, u64 deadline)
{
	ktimer_init(&a->timer, ring);
	a->task = current;
	if (deadline != WAIT_FOREVER)
		ktimer_arm(&a->timer, deadline);
}

static void alarm_stop(struct alarm *a, u64 deadline)
{
	if (deadline != WAIT_FOREVER)
		ktimer_cancel_sync(&a->timer);
}

/* -- one sleep ------------------------------------------------------------------------ */

static void note_what_for(const char *what, u32 caller)
{
	strlcpy(current->waiting_for, what, sizeof(current->waiting_for));
	current->wait_caller = caller;
}

/* False: woken already, and on the list again. */
static bool begin_sleep(struct waiter *w, enum task_state state, u32 caller)
{
	struct wait_queue *q = w->queue;
	u32 flags = spin_lock_irqsave(&q->lock);
	bool still_listed = !list_empty(&w->node);

	if (still_listed) {
		note_what_for(q->name, caller);
		set_state(state);
	} else {
		list_add_tail(&q->waiters, &w->node);
	}
	spin_unlock_irqrestore(&q->lock, flags);
	return still_listed;
}

/* Was it woken through the queue? Then it is listed again for the next round. */
static bool end_sleep(struct waiter *w)
{
	struct wait_queue *q = w->queue;
	u32 flags = spin_lock_irqsave(&q->lock);
	bool woken = list_empty(&w->node);

	if (woken)
		list_add_tail(&q->waiters, &w->node);
	spin_unlock_irqrestore(&q->lock, flags);
	return woken;
}

static int why_awake(u64 deadline, u32 heeds, u32 caller)
{
	int err = interrupted(heeds, caller);

	if (!err && deadline != WAIT_FOREVER && clock_passed(deadline))
		err = -ETIMEDOUT;
	return err;
}

/* `w`: NULL when nobody is to wake it but those whom it heeds, and the alarm.
 * May sleep. */
int sleep_once(struct waiter *w, u64 deadline, u32 heeds, u32 caller)
{
	enum task_state state = heeds ? TASK_SLEEPING : TASK_BLOCKED;
	struct alarm a;
	bool woken;
	int err;

	ASSERT(may_sleep() && current != this_cpu()->idle);
	if (!w) {
		note_what_for("time", caller);
		set_state(state);
	} else if (!begin_sleep(w, state, caller)) {
		return interrupted(heeds, caller);
	}
	err = why_awake(deadline, heeds, caller);
	if (!err) {
		alarm_start(&a, deadline);
		schedule();
		alarm_stop(&a, deadline);
		woken = w && end_sleep(w);
		err = woken ? interrupted(heeds, caller) : why_awake(deadline, heeds, caller);
	}
	/* It may not have slept at all. Nobody wakes a task that is runnable. */
	set_state(TASK_RUNNABLE);
	return err;
}

/* -- wait_event() ---------------------------------------------------------------------- */

void wait_prepare(struct wait_queue *q, struct waiter *w)
{
	u32 flags;

	wipe_dead_stack();
	w->task = current;
	w->queue = q;
	current->must_return++;
	flags = spin_lock_irqsave(&q->lock);
	list_add_tail(&q->waiters, &w->node);
	spin_unlock_irqrestore(&q->lock, flags);
}

/* Always under the lock: who took it off the list may still be waking it. */
noinline void wait_finish(struct waiter *w)
{
	struct wait_queue *q = w->queue;
	u32 flags = spin_lock_irqsave(&q->lock);

	list_del(&w->node);
	spin_unlock_irqrestore(&q->lock, flags);
	current->must_return--;
	way_out_take_at((u32)__builtin_return_address(0));
}

noinline int wait_sleep(struct waiter *w, u64 deadline)
{
	return sleep_once(w, deadline, HEEDS_SIGNS | HEEDS_GATE, (u32)__builtin_return_address(0));
}

noinline int wait_sleep_uninterruptible(struct waiter *w, u64 deadline)
{
	return sleep_once(w, deadline, 0, (u32)__builtin_return_address(0));
}

/* -- waking ------------------------------------------------------------------------------ */

/* Caller holds the queue's lock. The waiter is gone once it is let go. */
static void wake_waiter(struct waiter *w)
{
	list_del(&w->node);
	wake_task(w->task);
}

void wake_all(struct wait_queue *q)
{
	u32 flags = spin_lock_irqsave(&q->lock);

	while (!list_empty(&q->waiters))
		wake_waiter(list_first(&q->waiters, struct waiter, node));
	spin_unlock_irqrestore(&q->lock, flags);
}

/* Caller holds q->lock. */
void wake_most_urgent(struct wait_queue *q)
{
	struct waiter *w, *best = NULL;

	list_for_each(w, &q->waiters, node) {
		if (!best || READ_ONCE(w->task->prio) > READ_ONCE(best->task->prio))
			best = w;
	}
	if (best)
		wake_waiter(best);
}

void wake_one(struct wait_queue *q)
{
	u32 flags = spin_lock_irqsave(&q->lock);

	wake_most_urgent(q);
	spin_unlock_irqrestore(&q->lock, flags);
}

struct recheck { u32 base, size, generation; bool found; };

/* Its run queue is locked. switch.asm has pushed edi, esi, ebx, ebp. */
static void look_for_caller(struct task *t, u32 sp, void *arg)
{
	struct recheck *r = arg;
	struct caller_walk w = callers_of(t, sp, ((const u32 *)sp)[3]);

	r->found = caller_next_in(&w, r->base, r->size) != 0;
}

/* One that is on its way to sleep, or just awake, looks once more, for nothing. */
static bool sleeps_for(struct task *t, struct recheck *r)
{
	if (READ_ONCE(t->wait_caller) - r->base < r->size || READ_ONCE(t->works_on) - r->base < r->size)
		return true;
	if (READ_ONCE(t->scan_top) == t->stack)		/* outside of all modules */
		return false;
	return !task_look_at_rest(t, look_for_caller, r) || r->found;
}

static bool recheck(struct task *t, void *arg)
{
	struct recheck *r = arg;

	if (READ_ONCE(t->state) == TASK_SLEEPING && !task_has_not_run_since(t, r->generation) &&
	    !task_is_dead(t) && sleeps_for(t, r))
		wake_interruptible(t);
	return false;
}

/* The caller has closed the gate. Either the sleeper sees that, or it is seen here:
 *
 *	sleeper					closer
 *	wait_caller; state = SLEEPING (locked)	gate closed
 *	gate closed?				takes tasklist_lock (locked)
 *	schedule()				SLEEPING, for a module in the range? */
void wait_recheck_since(u32 base, u32 size, u32 generation)
{
	struct recheck r = { base, size, generation, false };

	tasks_each(recheck, &r);
}

void wait_recheck_range(u32 base, u32 size) { wait_recheck_since(base, size, 0); }
