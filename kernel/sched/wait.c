/* Wait queues. */
#include "sched/wait.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/ktimer.h"
#include "sched/sched.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/panic.h"

u32 wait_gate_active;
int (*wait_gate)(u32 caller);

void wait_queue_init(struct wait_queue *q, const char *name)
{
	q->name = name;
	spin_init(&q->lock, name, RANK_WAIT, true);
	list_init(&q->waiters);
}

void wait_prepare(struct wait_queue *q, struct waiter *w)
{
	ASSERT(may_sleep());
	wipe_dead_stack();
	w->task = current;
	w->queue = q;
	w->woken = false;
	u32 flags = spin_lock_irqsave(&q->lock);
	list_add_tail(&q->waiters, &w->node);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_finish(struct waiter *w)
{
	u32 flags = spin_lock_irqsave(&w->queue->lock);

	list_del(&w->node);
	spin_unlock_irqrestore(&w->queue->lock, flags);
}

/* -- deadlines --------------------------------------------------------------------- */

struct alarm {
	struct ktimer timer;
	struct task *task;
	bool rang;
};

static void ring_alarm(struct ktimer *timer)
{
	struct alarm *a = container_of(timer, struct alarm, timer);

	WRITE_ONCE(a->rang, true);
	wake_task(a->task);
}

/* -- sleeping ------------------------------------------------------------------------ */

/* Why a task that may be disturbed should not sleep (on). */
static int reason_to_leave(u32 caller)
{
	if (READ_ONCE(current->killed) || READ_ONCE(current->should_stop))
		return -EINTR;
	return READ_ONCE(wait_gate_active) ? wait_gate(caller) : 0;
}

/*
 * The state is written before the reasons to wake are read, and wakers write
 * their reason before they read the state, with a fence between on either side.
 * So one of the two sees the other:
 *
 *   task                              waker
 *   state = SLEEPING                  woken = true
 *   fence                             (lock of the queue: a fence)
 *   woken? no: schedule()             state SLEEPING? wake_task()
 */
static int sleep_until(struct waiter *w, u64 deadline, u32 caller, enum task_state how)
{
	struct task *me = current;
	struct alarm alarm = { .task = me };
	int err = 0;

	ASSERT(may_sleep());
	strlcpy(me->waiting_for, w->queue->name, sizeof(me->waiting_for));
	me->wait_caller = caller;
	if (deadline != WAIT_FOREVER) {
		ktimer_init(&alarm.timer, ring_alarm);
		ktimer_arm(&alarm.timer, deadline);
	}
	for (;;) {
		WRITE_ONCE(me->state, how);
		smp_mb();
		if (READ_ONCE(w->woken))
			break;
		if (how == TASK_SLEEPING && (err = reason_to_leave(caller)))
			break;
		if (READ_ONCE(alarm.rang)) {
			err = -ETIMEDOUT;
			break;
		}
		schedule();
	}
	/* A waker may have made it runnable already; either way it is now. */
	WRITE_ONCE(me->state, TASK_RUNNABLE);
	if (deadline != WAIT_FOREVER)
		ktimer_cancel_sync(&alarm.timer);
	me->wait_caller = 0;
	/* The caller looks at its condition next: a wake-up from here on counts again. */
	WRITE_ONCE(w->woken, false);
	smp_mb();
	return err;
}

/* Not inlined: the return address says which module asks to sleep. */
noinline int wait_sleep(struct waiter *w, u64 deadline)
{
	return sleep_until(w, deadline, (u32)__builtin_return_address(0), TASK_SLEEPING);
}

int wait_sleep_for(struct waiter *w, u64 deadline, u32 caller)
{
	return sleep_until(w, deadline, caller, TASK_SLEEPING);
}

noinline int wait_sleep_uninterruptible(struct waiter *w, u64 deadline)
{
	return sleep_until(w, deadline, (u32)__builtin_return_address(0), TASK_BLOCKED);
}

/* -- waking ---------------------------------------------------------------------------- */

/* The queue is locked, so the waiter is still there. */
void wake_waiter(struct waiter *w)
{
	WRITE_ONCE(w->woken, true);
	smp_mb();
	if (READ_ONCE(w->task->state) != TASK_RUNNABLE)
		wake_task(w->task);
}

void wake_all(struct wait_queue *q)
{
	struct waiter *w;

	u32 flags = spin_lock_irqsave(&q->lock);
	list_for_each(w, &q->waiters, node)
		wake_waiter(w);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wake_one(struct wait_queue *q)
{
	struct waiter *w;

	u32 flags = spin_lock_irqsave(&q->lock);
	list_for_each(w, &q->waiters, node) {
		if (!w->woken) {
			wake_waiter(w);
			break;
		}
	}
	spin_unlock_irqrestore(&q->lock, flags);
}

/* Lock order: tasklist_lock, then a run queue's (in wake_task). */
void wait_recheck_range(u32 base, u32 size)
{
	struct task *t;

	u32 flags = spin_lock_irqsave(&tasklist_lock);
	list_for_each(t, &tasklist, all_node) {
		if (READ_ONCE(t->state) == TASK_SLEEPING && READ_ONCE(t->wait_caller) - base < size)
			wake_task(t);
	}
	spin_unlock_irqrestore(&tasklist_lock, flags);
}
