/* Timers: a pairing heap for each CPU (Fredman, Sedgewick, Sleator, Tarjan,
 * "The pairing heap", Algorithmica 1986): arming costs a comparison. */
#include "sched/ktimer.h"
#include "sched/rq.h"
#include "sched/timer_heap.h"
#include "smp/spinlock.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/panic.h"

struct timer_queue {
	struct spinlock lock;
	/* Under lock. */
	struct ktimer *first;
	/* This CPU writes, any reads: whose function runs now. Read by cancel_sync,
	 * so the timer itself is not touched once its function has begun. */
	struct ktimer *running;
};

static struct timer_queue queues[NR_CPUS] = {
	[0 ... NR_CPUS - 1] = { .lock = SPINLOCK_IRQ("timers", RANK_TIMER) },
};

void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *t))
{
	*t = (struct ktimer){ .fn = fn };
}

static struct timer_queue *lock_queue_of(struct ktimer *t, u32 *flags)
{
	for (;;) {
		u32 cpu = READ_ONCE(t->cpu);
		*flags = spin_lock_irqsave(&queues[cpu].lock);
		if (t->cpu == cpu)
			return &queues[cpu];
		spin_unlock_irqrestore(&queues[cpu].lock, *flags);
	}
}

bool ktimer_cancel(struct ktimer *t)
{
	u32 flags;
	struct timer_queue *q = lock_queue_of(t, &flags);
	bool was_queued = t->queued;

	if (was_queued) {
		q->first = timer_heap_remove(q->first, t);
		t->queued = false;
	}
	spin_unlock_irqrestore(&q->lock, flags);
	return was_queued;
}

void ktimer_arm(struct ktimer *t, u64 deadline)
{
	u32 flags = irq_save();
	struct cpu *c = this_cpu();
	struct timer_queue *q = &queues[c->id], *old;
	u32 unused;

	/* It may be queued elsewhere, or be armed there at the same time: move it
	 * only under the lock of the queue that it belongs to. */
	for (;;) {
		ktimer_cancel(t);
		old = lock_queue_of(t, &unused);
		if (!t->queued)
			break;
		spin_unlock(&old->lock);
	}
	if (old != q) {
		WRITE_ONCE(t->cpu, c->id);
		spin_unlock(&old->lock);
		spin_lock(&q->lock);
		if (t->cpu != c->id || t->queued) {	/* somebody was faster: the later wish wins there */
			spin_unlock(&q->lock);
			irq_restore(flags);
			return;
		}
	}
	t->deadline = deadline;
	t->queued = true;
	q->first = timer_heap_add(q->first, t);
	if (q->first == t)
		tick_program(deadline);
	spin_unlock(&q->lock);
	irq_restore(flags);
}

static bool is_running(const struct ktimer *t)
{
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		if (load_acquire(&queues[cpu].running) == t)
			return true;
	}
	return false;
}

bool ktimer_cancel_sync(struct ktimer *t)
{
	bool was_queued = ktimer_cancel(t);

	/* Its function may arm it again: once more until it is neither. */
	while (is_running(t)) {
		cpu_relax();
		was_queued |= ktimer_cancel(t);
	}
	return was_queued;
}

/* Interrupts off, on the way out of a timer interrupt. */
u64 ktimer_run_due(void)
{
	struct timer_queue *q = &queues[this_cpu()->id];
	u64 next = ~0ull;

	spin_lock(&q->lock);
	while (q->first) {
		struct ktimer *t = q->first;
		if (!clock_passed(t->deadline)) {
			next = t->deadline;
			break;
		}
		q->first = timer_heap_remove(q->first, t);
		t->queued = false;
		WRITE_ONCE(q->running, t);
		spin_unlock(&q->lock);
		t->fn(t);
		store_release(&q->running, NULL);
		spin_lock(&q->lock);
	}
	spin_unlock(&q->lock);
	return next;
}
