/* Mutexes with priority inheritance.
 *
 * Who waits lends its priority to the owner. If the owner waits for another mutex
 * itself, the change of its priority wakes it (prio.c); it finds that mutex still
 * taken, lends its new priority to that owner, and sleeps again. So each task only
 * ever touches the owner of the mutex that it waits for, whose lock it holds, and
 * no lock of two mutexes is ever needed at once. In a circle (a deadlock of the
 * users') it ends when all have the same priority.
 *
 *	low			middle			high
 *	holds A			holds B, waits for A	locks B
 *							lends to middle: wakes it
 *				lends to low, sleeps	sleeps
 *	unlocks A: gives back
 *				has A ... unlocks both
 *				gives back		has B
 *
 * A lent priority is given back with the last mutex that the task holds: to know
 * which mutex brought which priority would need a list in each task. */
#include "sched/mutex.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/rq.h"
#include "x86/panic.h"

void mutex_init(struct mutex *m, const char *name)
{
	wait_queue_init(&m->queue, name);
	m->owner = NULL;
}

/* Caller holds the queue's lock. */
static bool take(struct mutex *m)
{
	if (m->owner)
		return false;
	m->owner = current;
	current->nr_mutexes++;
	return true;
}

bool mutex_trylock(struct mutex *m)
{
	u32 flags = spin_lock_irqsave(&m->queue.lock);
	bool taken = take(m);

	spin_unlock_irqrestore(&m->queue.lock, flags);
	return taken;
}

/* Takes it, or gets ready to sleep: then a wake-up comes when it is free, or when
 * there is more priority to lend. The state comes before the look at our priority;
 * who raises it does it the other way round. */
static bool take_or_queue(struct mutex *m, struct waiter *w, u32 heeds, u32 caller)
{
	u32 flags = spin_lock_irqsave(&m->queue.lock);
	bool taken = take(m);

	if (taken) {
		list_del(&w->node);
	} else {
		if (list_empty(&w->node))
			list_add_tail(&m->queue.waiters, &w->node);
		strlcpy(current->waiting_for, m->queue.name, sizeof(current->waiting_for));
		current->wait_caller = caller;
		set_state(heeds ? TASK_SLEEPING : TASK_BLOCKED);
		task_lend_prio(m->owner, READ_ONCE(current->prio));
	}
	spin_unlock_irqrestore(&m->queue.lock, flags);
	return taken;
}

/* If the wake-up for a free mutex came together with the interruption, somebody
 * else gets it. */
static void give_up(struct mutex *m, struct waiter *w)
{
	u32 flags = spin_lock_irqsave(&m->queue.lock);
	bool was_woken = list_empty(&w->node);

	list_del(&w->node);
	if (was_woken && !m->owner)
		wake_most_urgent(&m->queue);
	spin_unlock_irqrestore(&m->queue.lock, flags);
}

static noinline int lock_slowly(struct mutex *m, u32 heeds, u32 caller)
{
	struct waiter w = { .task = current, .queue = &m->queue, .node = LIST_INIT(w.node) };
	int err = 0;

	ASSERT(current != this_cpu()->idle);	/* nobody runs when it sleeps */
	ASSERT(m->owner != current);
	current->lends = true;
	while (!take_or_queue(m, &w, heeds, caller)) {
		err = interrupted(heeds, caller);
		if (!err)
			schedule();
		set_state(TASK_RUNNABLE);
		if (err) {
			give_up(m, &w);
			break;
		}
	}
	current->lends = false;
	return err;
}

void mutex_lock(struct mutex *m)
{
	ASSERT(may_sleep());
	if (!mutex_trylock(m))
		(void)lock_slowly(m, 0, (u32)__builtin_return_address(0));
}

int mutex_lock_interruptible(struct mutex *m)
{
	u32 caller = (u32)__builtin_return_address(0);
	int err = interrupted(HEEDS_SIGNS | HEEDS_GATE, caller);

	ASSERT(may_sleep());
	if (err || mutex_trylock(m))
		return err;
	return lock_slowly(m, HEEDS_SIGNS | HEEDS_GATE, caller);
}

/* First our priority falls, then the next one wakes up: so it is compared with what
 * we are by ourselves. */
void mutex_unlock(struct mutex *m)
{
	u32 flags = spin_lock_irqsave(&m->queue.lock);

	ASSERT(m->owner == current);
	m->owner = NULL;
	if (--current->nr_mutexes == 0 && unlikely(current->lent_prio))
		task_return_prio();
	wake_most_urgent(&m->queue);
	spin_unlock_irqrestore(&m->queue.lock, flags);
}
