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
 * which mutex brought which priority would need a list in each task.
 *
 * A mutex is its locker's until it is unlocked, by whatever task: a driver may lock one in
 * open() and unlock it in release(), and a file is closed by who has it then. A task may even
 * end meanwhile: its record stays, as the owner to lend priority to, until each mutex that it
 * left locked is unlocked. */
#include "sched/mutex.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/rq.h"
#include "sched/sync.h"
#include "sched/way_out.h"
#include "smp/races.h"
#include "x86/atomic.h"
#include "x86/console.h"
#include "x86/panic.h"
#include "x86/symbols.h"

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
	WRITE_ONCE(m->owner, current);
	current->nr_mutexes++;
	if (unlikely(current->way_out))
		way_out_count_mutex((u32)m, 1);
	return true;
}

static bool try(struct mutex *m)
{
	u32 flags = spin_lock_irqsave(&m->queue.lock);
	bool taken = take(m);

	spin_unlock_irqrestore(&m->queue.lock, flags);
	return taken;
}

/* It would be held by the task that was interrupted, which knows nothing of it, or by an idle task. */
static noinline bool refuse_in_interrupt(const struct mutex *m, u32 caller)
{
	char where[64];

	symbolise(caller, where, sizeof(where));
	printk("mutex %s: %s, in an interrupt, asks for it; refused: leave it to a work item, or use a spin lock\n",
	       m->queue.name, where);
	return false;
}

bool mutex_trylock(struct mutex *m)
{
	if (in_interrupt())
		return refuse_in_interrupt(m, (u32)__builtin_return_address(0));
	return try(m);
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
	ASSERT(heeds || !mutex_held(m));
	current->lends = true;
	while (!take_or_queue(m, &w, heeds, caller)) {
		sync_point("mutex:queued");
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

/* Only one whose time is over gives up, if it may be left: it does not return from here. */
void mutex_lock(struct mutex *m)
{
	u32 caller = (u32)__builtin_return_address(0);

	ASSERT(may_sleep());
	if (try(m))
		return;
	u32 heeds = unlikely(current->way_out) ? HEEDS_TIME : 0;
	while (lock_slowly(m, heeds, caller)) {
		way_out_take_at(caller);	/* the first time it is told, */
		way_out_take_at(caller);	/* the second left */
		heeds = 0;
	}
}

int mutex_lock_interruptible(struct mutex *m)
{
	u32 caller = (u32)__builtin_return_address(0);
	int err = interrupted(HEEDS_SIGNS | HEEDS_GATE, caller);

	ASSERT(may_sleep());
	if (err || try(m))
		return err;
	return lock_slowly(m, HEEDS_SIGNS | HEEDS_GATE, caller);
}

/* In task.unlocked_by_others, once the task has ended: then each of its mutexes has a
 * reference to its record. */
#define ENDED 0x80000000u

u32 task_mutexes(const struct task *t)
{
	return t->nr_mutexes - (READ_ONCE(t->unlocked_by_others) & ~ENDED);
}

/* The references come before the bit, and who unlocked before the bit has none:
 *
 *	CPU 0 (task ends with 2 locked)		CPU 1 (unlocks one of them)
 *	2 references
 *						unlocked_by_others = 1: not ended
 *	ENDED: 1 was unlocked before: gives
 *	back 1 reference
 */
void task_leave_mutexes(void)
{
	struct task *t = current;
	u32 n = t->nr_mutexes, before;

	for (u32 i = 0; i < n; i++)
		task_get(t);
	before = atomic_add(&t->unlocked_by_others, ENDED) & ~ENDED;
	for (u32 i = 0; i < before; i++)
		task_put(t);
}

/* Caller holds the queue's lock. The count comes last: until then the mutex is among those
 * that keep the record. Returns the owner when a reference to it is to be given back. */
static noinline struct task *unlock_for(struct task *owner)
{
	if (task_mutexes(owner) == 1 && READ_ONCE(owner->lent_prio))
		task_return_prio(owner);
	return atomic_add(&owner->unlocked_by_others, 1) & ENDED ? owner : NULL;
}

/* First our priority falls, then the next one wakes up: so it is compared with what
 * we are by ourselves. */
void mutex_unlock(struct mutex *m)
{
	u32 flags = spin_lock_irqsave(&m->queue.lock);

	struct task *owner = m->owner, *ended = NULL;

	ASSERT(owner);
	WRITE_ONCE(m->owner, NULL);
	if (unlikely(current->way_out) && owner == current)
		way_out_count_mutex((u32)m, -1u);
	if (unlikely(owner != current))
		ended = unlock_for(owner);
	else if (--current->nr_mutexes == current->unlocked_by_others && unlikely(current->lent_prio))
		task_return_prio(current);
	wake_most_urgent(&m->queue);
	spin_unlock_irqrestore(&m->queue.lock, flags);
	if (unlikely(ended))
		task_put(ended);
	race_at(RACE_UNLOCK);
}
