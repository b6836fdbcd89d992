#include "sched/ktimer.h"
#include "sched/rq.h"
#include "sched/sync.h"
#include "x86/atomic.h"
#include "x86/panic.h"

struct timer_queue {
	struct spinlock lock;
	/* Under lock. */
	struct pairing_heap heap;
	struct ktimer *running;		/* whose function this CPU is calling; read without */
};

static struct timer_queue queues[NR_CPUS] = {
	[0 ... NR_CPUS - 1] = { .lock = SPINLOCK_IRQ("timers", RANK_TIMER) },
};

void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *t))
{
	*t = (struct ktimer){ .fn = fn };
}

/* The queue that `t` belongs to, locked. t->cpu changes under that lock only. */
static struct timer_queue *lock_queue_of(struct ktimer *t, u32 *flags)
{
	for (;;) {
		u32 cpu = READ_ONCE(t->cpu);

		*flags = spin_lock_irqsave(&queues[cpu].lock);
		if (likely(t->cpu == cpu))
			return &queues[cpu];
		spin_unlock_irqrestore(&queues[cpu].lock, *flags);
	}
}

/* Caller holds q->lock. */
static bool take_out(struct timer_queue *q, struct ktimer *t)
{
	if (!t->queued)
		return false;
	pairing_remove(&q->heap, &t->node);
	t->queued = false;
	return true;
}

/* Makes this CPU's queue the one that `t` belongs to, in none, and locks it.
 * Interrupts are off. */
static struct timer_queue *bring_here(struct ktimer *t)
{
	u32 here = this_cpu()->id, flags;

	for (;;) {
		struct timer_queue *q = lock_queue_of(t, &flags);

		take_out(q, t);
		if (likely(t->cpu == here))
			return q;
		t->cpu = here;
		spin_unlock(&q->lock);
	}
}

void ktimer_arm(struct ktimer *t, u64 deadline)
{
	u32 flags = irq_save();
	struct timer_queue *q = bring_here(t);
	bool is_first;

	t->node.key = deadline;
	t->queued = true;
	pairing_add(&q->heap, &t->node);
	is_first = pairing_first(&q->heap) == &t->node;
	spin_unlock(&q->lock);
	if (is_first)
		tick_reprogram(deadline);
	irq_restore(flags);
}

bool ktimer_cancel(struct ktimer *t)
{
	u32 flags;
	struct timer_queue *q = lock_queue_of(t, &flags);
	bool was_queued = take_out(q, t);

	spin_unlock_irqrestore(&q->lock, flags);
	return was_queued;
}

/* A timer may have been armed elsewhere while its function still runs where it was
 * armed before, so any CPU may be calling it. */
static bool runs_anywhere(const struct ktimer *t)
{
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		if (load_acquire(&queues[cpu].running) == t)
			return true;
	}
	return false;
}

/*	CPU 0 (timer interrupt)			CPU 1 (cancels)
 *	lock: t leaves the heap, running = t
 *	unlock					lock: not queued any more; unlock
 *	t->fn(t)				running == t: waits
 *	running = NULL (release)		sees it (acquire): t may be freed
 *
 * A function that arms t again is taken out by another round. */
bool ktimer_cancel_sync(struct ktimer *t)
{
	bool was_queued = ktimer_cancel(t);

	ASSERT(!in_interrupt());
	while (runs_anywhere(t)) {
		cpu_relax();
		was_queued |= ktimer_cancel(t);
		sync_point("ktimer:cancels");
	}
	return was_queued | ktimer_cancel(t);
}

/* Caller holds q->lock. NULL: nothing is due. */
static struct ktimer *take_due(struct timer_queue *q, u64 now)
{
	struct pairing_node *first = pairing_first(&q->heap);
	struct ktimer *t;

	if (!first || first->key > now)
		return NULL;
	t = container_of(first, struct ktimer, node);
	take_out(q, t);
	return t;
}

/* Timers are taken one by one, so that a function may cancel those after it. It may
 * free its own: nothing of `t` is touched once it was called. One that was armed
 * for the past meanwhile waits for the next interrupt, which comes at once. */
u64 ktimer_run_due(u64 now)
{
	struct timer_queue *q = &queues[this_cpu()->id];
	struct ktimer *t;
	u64 next;

	/* Only this CPU fills its queue, and this is it; another one that empties it has the lock. */
	if (!data_race(q->heap.root))
		return ~0ull;
	spin_lock(&q->lock);
	while ((t = take_due(q, now))) {
		WRITE_ONCE(q->running, t);
		spin_unlock(&q->lock);
		t->fn(t);
		store_release(&q->running, NULL);
		spin_lock(&q->lock);
	}
	next = pairing_first(&q->heap) ? pairing_first(&q->heap)->key : ~0ull;
	spin_unlock(&q->lock);
	return next;
}
