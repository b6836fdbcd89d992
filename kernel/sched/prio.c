/* What can be changed of a task from outside: its priority and its CPUs. */
#include "sched/rq.h"
#include "smp/ipi.h"
#include "x86/atomic.h"
#include "x86/panic.h"

/* Caller holds rq->lock. Has somebody in the queue become more urgent than who
 * runs? */
static void check_running(struct rq *rq)
{
	struct rq_node *n = runqueue_first(&rq->queue);

	if (n)
		rq_check_preempt(rq, container_of(n, struct task, rq_node));
}

static void update_prio(struct rq *rq, struct task *t)
{
	u32 prio = MAX(MAX(t->base_prio, t->lent_prio), MAX(t->call_prio, t->helped));

	DEBUG_ASSERT(spin_held(&rq->lock) && t->cpu == rq->cpu);
	if (prio == t->prio)
		return;
	WRITE_ONCE(t->prio, prio);
	if (rq_node_queued(&t->rq_node)) {
		runqueue_remove(&rq->queue, &t->rq_node);
		runqueue_add(&rq->queue, &t->rq_node, prio);
	}
	check_running(rq);
}

/* After part of t's priority was changed under the lock of `rq`, which is let go
 * here. Who waits for a mutex lends on what it gets: it is woken for that, and lends
 * anew before it sleeps again (mutex.c). So priority goes down a chain of owners,
 * each link in its own task. */
static void update_and_unlock(struct rq *rq, struct task *t, u32 flags)
{
	u32 before = t->prio;
	bool rose;

	update_prio(rq, t);
	rose = t->prio > before;
	rq_unlock(rq, flags);
	if (!rose)
		return;
	smp_mb();	/* the new priority, before the look whether it waits */
	if (READ_ONCE(t->lends))
		wake_task(t);
}

void task_lend_prio(struct task *t, u32 prio)
{
	u32 flags;
	struct rq *rq = task_rq_lock(t, &flags);

	t->lent_prio = MAX(t->lent_prio, prio);
	update_and_unlock(rq, t, flags);
}

/* `which`: one of those that t's priority is the highest of. */
static void set_one(struct task *t, u32 *which, u32 prio)
{
	u32 flags;
	struct rq *rq = task_rq_lock(t, &flags);

	ASSERT(prio < NR_PRIOS);
	*which = prio;
	update_and_unlock(rq, t, flags);
}

void task_set_prio(struct task *t, u32 prio)      { set_one(t, &t->base_prio, prio); }
void task_set_call_prio(struct task *t, u32 prio) { set_one(t, &t->call_prio, prio); }

/* Two unloads may want the same task out: what one gives back is its own.
 *
 *	CPU 0 (unload of A)			CPU 1 (unload of B)
 *	raises T
 *						raises T
 *	A is free: takes back
 *						T still goes first, until B does
 */
static void change_boost(struct task *t, u32 prio, u32 by)
{
	u32 flags;
	struct rq *rq = task_rq_lock(t, &flags);
	u32 *boosts = prio == PRIO_TOP ? &t->boosts_top : &t->boosts_insider;

	ASSERT(prio == PRIO_TOP || prio == PRIO_INSIDER);
	*boosts += by;
	ASSERT((s32)*boosts >= 0);
	t->helped = t->boosts_top ? PRIO_TOP : t->boosts_insider ? PRIO_INSIDER : 0;
	update_and_unlock(rq, t, flags);
}

void task_boost(struct task *t, u32 prio)   { change_boost(t, prio, 1); }
void task_unboost(struct task *t, u32 prio) { change_boost(t, prio, -1u); }

void task_return_prio(struct task *t)
{
	u32 flags;
	struct rq *rq = task_rq_lock(t, &flags);

	t->lent_prio = 0;
	update_and_unlock(rq, t, flags);
}

/* -- affinity ------------------------------------------------------------------- */

void move_misplaced(struct task *t)
{
	u32 flags;
	struct rq *from = task_rq_lock(t, &flags), *to;

	DEBUG_ASSERT(t->on_rq && !rq_node_queued(&t->rq_node));
	rq_count(from, -1);
	t->leaving = LEAVING_NOT;
	t->cpu = choose_cpu(t);
	to = rq_of(t->cpu);
	rq_unlock(from, flags);

	/* Nobody else queues it meanwhile: on_rq is set. */
	flags = spin_lock_irqsave(&to->lock);
	rq_enqueue(to, t);
	rq_unlock(to, flags);
}

/* Caller holds rq->lock. True: the caller takes it to another CPU. A task that
 * waits for something goes where it may when it wakes up. */
static bool leave_cpu(struct rq *rq, struct task *t)
{
	if (rq_node_queued(&t->rq_node)) {
		runqueue_remove(&rq->queue, &t->rq_node);
		return true;
	}
	if (t->on_rq) {
		t->leaving = LEAVING_CPU;
		if (rq->curr == t)
			smp_reschedule(rq->cpu);
	}
	return false;
}

void task_set_affinity(struct task *t, cpumask_t mask)
{
	u32 flags;
	struct rq *rq = task_rq_lock(t, &flags);
	bool move = false;

	ASSERT(mask & cpus_online);
	t->affinity = mask;
	if (!(mask & CPU_BIT(rq->cpu)))
		move = leave_cpu(rq, t);
	else if (rq->curr == t)
		t->leaving = LEAVING_NOT;
	rq_unlock(rq, flags);
	if (move)
		move_misplaced(t);
}

u64 task_run_cycles(struct task *t)
{
	u32 flags;
	struct rq *rq = task_rq_lock(t, &flags);
	u64 cycles = t->run_cycles, now = rdtsc();

	if (rq->curr == t && now > rq->switched_at)
		cycles += now - rq->switched_at;
	rq_unlock(rq, flags);
	return cycles;
}
