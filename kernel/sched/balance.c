/* Spreading tasks over the CPUs: a CPU that has less to do than another takes a
 * waiting task over. */
#include "sched/rq.h"
#include "smp/ipi.h"
#include "x86/panic.h"

#define MAX_LOOKED_AT 32		/* tasks bound elsewhere that are passed over */

/* A hint, read without locks. NULL: nobody has two tasks more than `rq`, or, when
 * `rq` is idle, one that waits. */
static struct rq *find_busiest(const struct rq *rq)
{
	u32 most = READ_ONCE(rq->nr_running) + 1, cpu;
	struct rq *busiest = NULL;

	for (cpu = 0; cpu < nr_cpus; cpu++) {
		struct rq *other = rq_of(cpu);
		u32 n = READ_ONCE(other->nr_running);

		/* Its own may have changed since it was read. */
		if (n > most && other != rq) {
			most = n;
			busiest = other;
		}
	}
	return busiest;
}

/* Both locks are held. The most urgent one that may run on `to`; NULL: none. */
static struct task *find_movable(struct rq *from, const struct rq *to)
{
	struct rq_node *n = runqueue_first(&from->queue);

	for (u32 i = 0; n && i < MAX_LOOKED_AT; i++, n = runqueue_next(&from->queue, n)) {
		struct task *t = container_of(n, struct task, rq_node);

		if (t->affinity & CPU_BIT(to->cpu))
			return t;
	}
	return NULL;
}

/* Both locks are held. The tasks in a queue are off their stacks. */
static bool move_one(struct rq *from, struct rq *to)
{
	struct task *t = find_movable(from, to);

	if (!t)
		return false;
	runqueue_remove(&from->queue, &t->rq_node);
	rq_count(from, -1);
	t->cpu = to->cpu;
	rq_enqueue(to, t);
	return true;
}

bool balance_pull(struct rq *rq)
{
	struct rq *busiest = find_busiest(rq);
	bool moved;

	DEBUG_ASSERT(!irqs_enabled());
	if (likely(!busiest))
		return false;
	rq_lock_two(rq, busiest);
	moved = busiest->nr_running > rq->nr_running + 1 && move_one(busiest, rq);
	rq_unlock_two(rq, busiest);
	return moved;
}
