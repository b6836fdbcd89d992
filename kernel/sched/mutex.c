/* Sleeping locks. The lock is handed over: who unlocks makes the first waiter
 * of the highest priority the owner, so nobody slips in between.
 *
 * Priority inheritance: an owner runs with at least the priority of those who
 * wait for any mutex that it holds, and so on along the chain of owners. */
#include "sched/mutex.h"
#include "lib/errno.h"
#include "sched/sched.h"
#include "x86/atomic.h"
#include "x86/panic.h"

#define MAX_CHAIN 8

/* Who owns what and who waits for what, for all mutexes: chains cross them.
 * Taken inside a queue's lock; only when a mutex is contended. */
static struct spinlock chain_lock = SPINLOCK_IRQ("mutex chain", RANK_TIMER);

void mutex_init(struct mutex *m, const char *name)
{
	wait_queue_init(&m->queue, name);
	m->owner = NULL;
	list_init(&m->held_node);
	m->top_waiter = 0;
}

/* What `t` must run with: caller holds chain_lock. */
static u32 needed_prio(const struct task *t)
{
	struct mutex *m;
	u32 prio = t->base_prio;

	if (t->helped)
		prio = MAX(prio, t->helped);
	list_for_each(m, &t->held, held_node)
		prio = MAX(prio, m->top_waiter);
	return prio;
}

/* `prio` waits for `m`: its owner inherits it, and whom that one waits for. */
static void hand_on(struct mutex *m, u32 prio)
{
	for (u32 depth = 0; m && depth < MAX_CHAIN; depth++) {
		struct task *owner = m->owner;
		if (!owner || m->top_waiter >= prio)
			return;
		m->top_waiter = prio;
		task_set_prio(owner, needed_prio(owner));
		m = owner->blocked_on;
	}
}

void task_boost(struct task *t, u32 prio)
{
	u32 flags = spin_lock_irqsave(&chain_lock);

	t->helped = prio;
	task_set_prio(t, needed_prio(t));
	if (t->blocked_on)
		hand_on(t->blocked_on, prio);
	spin_unlock_irqrestore(&chain_lock, flags);
}

/* Caller holds the queue's lock. */
static void take(struct mutex *m, struct task *t)
{
	WRITE_ONCE(m->owner, t);
}

bool mutex_trylock(struct mutex *m)
{
	u32 flags = spin_lock_irqsave(&m->queue.lock);
	bool free = !m->owner;

	if (free)
		take(m, current);
	spin_unlock_irqrestore(&m->queue.lock, flags);
	return free;
}

/* The first waiter makes the mutex count for its owner's priority. */
static void start_waiting(struct mutex *m, struct task *me)
{
	u32 flags = spin_lock_irqsave(&chain_lock);

	me->blocked_on = m;
	if (list_empty(&m->held_node))
		list_add(&m->owner->held, &m->held_node);
	hand_on(m, me->prio);
	spin_unlock_irqrestore(&chain_lock, flags);
}

static int lock_slowly(struct mutex *m, bool interruptible)
{
	struct waiter w;
	int err = 0;

	wait_prepare(&m->queue, &w);
	for (;;) {
		u32 flags = spin_lock_irqsave(&m->queue.lock);
		if (!m->owner)
			take(m, current);
		if (m->owner != current)
			start_waiting(m, current);
		spin_unlock_irqrestore(&m->queue.lock, flags);
		if (READ_ONCE(m->owner) == current)
			break;
		err = interruptible ? wait_sleep(&w, WAIT_FOREVER)
		                    : wait_sleep_uninterruptible(&w, WAIT_FOREVER);
		if (err && READ_ONCE(m->owner) != current)
			break;
	}
	wait_finish(&w);
	/* It may have become ours between the error and here. */
	if (READ_ONCE(m->owner) == current)
		err = 0;
	u32 flags = spin_lock_irqsave(&chain_lock);
	current->blocked_on = NULL;
	spin_unlock_irqrestore(&chain_lock, flags);
	return err;
}

void mutex_lock(struct mutex *m)
{
	ASSERT(may_sleep());
	ASSERT(READ_ONCE(m->owner) != current);
	if (!mutex_trylock(m))
		(void)lock_slowly(m, false);
}

int mutex_lock_interruptible(struct mutex *m)
{
	ASSERT(may_sleep());
	ASSERT(READ_ONCE(m->owner) != current);
	return mutex_trylock(m) ? 0 : lock_slowly(m, true);
}

/* The first of the highest priority, woken with the mutex in its hands. Caller
 * holds the queue's lock. */
static struct waiter *choose_heir(struct mutex *m)
{
	struct waiter *w, *best = NULL;

	list_for_each(w, &m->queue.waiters, node) {
		if (!best || w->task->prio > best->task->prio)
			best = w;
	}
	return best;
}

static void pass_on(struct mutex *m, struct waiter *heir)
{
	struct waiter *w;
	u32 top = 0, others = 0;

	u32 flags = spin_lock_irqsave(&chain_lock);
	list_del(&m->held_node);
	list_for_each(w, &m->queue.waiters, node) {
		if (w != heir) {
			top = MAX(top, w->task->prio);
			others++;
		}
	}
	take(m, heir->task);
	m->top_waiter = others ? top : 0;
	heir->task->blocked_on = NULL;
	if (others) {
		list_add(&heir->task->held, &m->held_node);
		task_set_prio(heir->task, needed_prio(heir->task));
	}
	task_set_prio(current, needed_prio(current));
	spin_unlock_irqrestore(&chain_lock, flags);
}

void mutex_unlock(struct mutex *m)
{
	ASSERT(m->owner == current);
	u32 flags = spin_lock_irqsave(&m->queue.lock);
	struct waiter *heir = choose_heir(m);

	if (!heir && list_empty(&m->held_node)) {
		take(m, NULL);
	} else if (!heir) {
		/* All who waited gave up. */
		u32 inner = spin_lock_irqsave(&chain_lock);
		list_del(&m->held_node);
		m->top_waiter = 0;
		take(m, NULL);
		task_set_prio(current, needed_prio(current));
		spin_unlock_irqrestore(&chain_lock, inner);
	} else {
		pass_on(m, heir);
		wake_waiter(heir);
	}
	spin_unlock_irqrestore(&m->queue.lock, flags);
}
