/* Waking tasks up, and choosing the CPU on which they go on. */
#include "sched/rq.h"
#include "smp/ipi.h"
#include "smp/races.h"
#include "x86/atomic.h"
#include "x86/panic.h"

/* A task's run queue is that of t->cpu, which changes only under that queue's lock:
 * so look, lock, look again. */
struct rq *task_rq_lock(struct task *t, u32 *flags)
{
	for (;;) {
		struct rq *rq = rq_of(READ_ONCE(t->cpu));

		*flags = spin_lock_irqsave(&rq->lock);
		if (likely(t->cpu == rq->cpu))
			return rq;
		spin_unlock_irqrestore(&rq->lock, *flags);
	}
}

/* A task is switched in by who holds the lock of its queue, and off its stack when
 * who switched it out has let that lock go (schedule.c). */
bool task_look_at_rest(struct task *t, void (*look)(struct task *t, u32 sp, void *arg), void *arg)
{
	u32 flags;
	struct rq *rq = task_rq_lock(t, &flags);
	bool at_rest = !load_acquire(&t->on_cpu);

	if (at_rest)
		look(t, t->sp, arg);
	rq_unlock(rq, flags);
	return at_rest;
}

void rq_lock_two(struct rq *a, struct rq *b)
{
	DEBUG_ASSERT(!irqs_enabled() && a != b);
	spin_lock(a->cpu < b->cpu ? &a->lock : &b->lock);
	spin_lock(a->cpu < b->cpu ? &b->lock : &a->lock);
}

void rq_unlock_two(struct rq *a, struct rq *b)
{
	spin_unlock(&a->lock);
	spin_unlock(&b->lock);
}

/* Caller holds rq->lock. A CPU whose need_resched is still set has yet to clear it,
 * and then to take this lock and look: it need not be told again. */
void rq_check_preempt(struct rq *rq, const struct task *t)
{
	struct cpu *c = cpus[rq->cpu];

	if (rq->curr != rq->idle && t->prio <= rq->curr->prio)
		return;
	if (!READ_ONCE(c->need_resched))
		smp_reschedule(rq->cpu);
}

void rq_enqueue(struct rq *rq, struct task *t)
{
	DEBUG_ASSERT(spin_held(&rq->lock) && t->cpu == rq->cpu && !rq_node_queued(&t->rq_node));
	t->on_rq = true;
	rq_count(rq, 1);
	runqueue_add(&rq->queue, &t->rq_node, t->prio);
	rq_check_preempt(rq, t);
}

static bool is_idle(u32 cpu)
{
	return READ_ONCE(rq_of(cpu)->nr_running) == 0;
}

/* The CPU it was on, whose caches know it, if that one is idle; else another idle
 * one; else it waits where it was, or, if it may not, where the queue is shortest. */
u32 choose_cpu(const struct task *t)
{
	cpumask_t may = t->affinity & cpus_online;
	bool may_stay = may & CPU_BIT(t->cpu);
	u32 cpu, best = t->cpu;

	if (may_stay && is_idle(t->cpu))
		return t->cpu;
	for_each_cpu_in(cpu, may) {
		if (is_idle(cpu))
			return cpu;
		if (!may_stay && (!(may & CPU_BIT(best)) ||
		                  READ_ONCE(rq_of(cpu)->nr_running) < READ_ONCE(rq_of(best)->nr_running)))
			best = cpu;
	}
	return best;
}

/* Caller holds rq->lock, `t` is off its stack and in no queue. Lets the lock go.
 * Between the two locks it is nobody's: on_rq and the new t->cpu keep others from
 * queueing it as well. */
static void place(struct rq *rq, struct task *t, u32 flags)
{
	u32 cpu = choose_cpu(t);

	if (cpu != rq->cpu) {
		t->on_rq = true;
		t->cpu = cpu;
		spin_unlock_irqrestore(&rq->lock, flags);
		rq = rq_of(cpu);
		flags = spin_lock_irqsave(&rq->lock);
	}
	rq_enqueue(rq, t);
	rq_unlock(rq, flags);
}

/*	sleeper					waker
 *	state = SLEEPING (locked exchange)	makes the condition true
 *	condition true? no			takes the rq's lock (locked exchange)
 *	schedule()				state SLEEPING? then RUNNABLE
 *
 * Each writes before it looks, with a fence between: at least one sees the other. */
static bool wake_from(struct task *t, bool only_interruptible)
{
	u32 flags;

	race_at(RACE_WAKE);
	struct rq *rq = task_rq_lock(t, &flags);
	enum task_state state = READ_ONCE(t->state);	/* a task that runs sets its own without the lock */

	if (state == TASK_RUNNABLE || state == TASK_ZOMBIE || (only_interruptible && state == TASK_BLOCKED)) {
		rq_unlock(rq, flags);
		return false;
	}
	WRITE_ONCE(t->state, TASK_RUNNABLE);
	if (t->on_rq)			/* it had not got as far as leaving its CPU */
		rq_unlock(rq, flags);
	else
		place(rq, t, flags);
	return true;
}

bool wake_task_here(struct task *t)
{
	u32 flags, here = this_cpu_read(id);
	struct rq *rq = task_rq_lock(t, &flags);
	enum task_state state = READ_ONCE(t->state);
	bool asleep = state == TASK_SLEEPING || state == TASK_BLOCKED;

	if (asleep)
		WRITE_ONCE(t->state, TASK_RUNNABLE);
	if (!asleep || t->on_rq) {
		rq_unlock(rq, flags);
		return asleep;
	}
	if (!(t->affinity & CPU_BIT(here))) {
		place(rq, t, flags);
		return true;
	}
	if (rq->cpu != here) {
		t->on_rq = true;	/* nobody else queues it between the two locks */
		t->cpu = here;
		rq_unlock(rq, flags);
		rq = rq_of(here);
		flags = spin_lock_irqsave(&rq->lock);
	}
	rq_enqueue(rq, t);
	rq_unlock(rq, flags);
	return true;
}

bool wake_task(struct task *t)          { return wake_from(t, false); }
bool wake_interruptible(struct task *t) { return wake_from(t, true); }
