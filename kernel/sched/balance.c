/* Spreading tasks over the CPUs: where one wakes up, and who is pulled over. */
#include "sched/rq.h"

/* Runnable tasks of a CPU, the running one included. Read without its lock: a
 * guess is good enough to decide where to look. */
static u32 load_of(u32 cpu)
{
	const struct rq *rq = rq_of(cpu);

	return READ_ONCE(rq->ready.nr) + (READ_ONCE(cpus[cpu]->task) != rq->idle);
}

/* Where it ran last, unless that CPU is busy and another is not. Caller holds
 * the lock of the queue that it leaves. */
u32 balance_place(const struct task *t)
{
	u32 cpu;

	if ((t->affinity & CPU_BIT(t->cpu)) && load_of(t->cpu) == 0)
		return t->cpu;
	for_each_cpu_in(cpu, cpus_online & t->affinity) {
		if (load_of(cpu) == 0)
			return cpu;
	}
	if (t->affinity & CPU_BIT(t->cpu))
		return t->cpu;
	for_each_cpu_in(cpu, cpus_online & t->affinity)
		return cpu;
	return t->cpu;		/* nothing of its mask is online: better anywhere than nowhere */
}

static u32 busiest(u32 but)
{
	u32 best = but, most = 0, cpu;

	for_each_cpu_in(cpu, cpus_online & ~CPU_BIT(but)) {
		u32 waiting = READ_ONCE(rq_of(cpu)->ready.nr);
		if (waiting > most) {
			most = waiting;
			best = cpu;
		}
	}
	return best;
}

/* The last in line that may run here. Caller holds the lock. */
static struct task *find_movable(struct rq *from, u32 to)
{
	struct task *t;

	for (u32 map = from->ready.map; map; ) {
		u32 prio = 31u - (u32)__builtin_clz(map);
		map &= ~(1u << prio);
		for (struct list *l = from->ready.list[prio].prev; l != &from->ready.list[prio]; l = l->prev) {
			t = list_entry(l, struct task, rq_node);
			if (t->affinity & CPU_BIT(to))
				return t;
		}
	}
	return NULL;
}

static void lock_both(struct rq *a, struct rq *b)
{
	spin_lock(a->cpu < b->cpu ? &a->lock : &b->lock);
	spin_lock(a->cpu < b->cpu ? &b->lock : &a->lock);
}

bool balance_pull(void)
{
	struct rq *to = this_cpu()->rq;
	struct rq *from = rq_of(busiest(to->cpu));
	struct task *t = NULL;

	if (from == to || load_of(from->cpu) < load_of(to->cpu) + 2)
		return false;
	lock_both(from, to);
	if (load_of(from->cpu) >= load_of(to->cpu) + 2)
		t = find_movable(from, to->cpu);
	if (t) {
		runqueue_remove(&from->ready, t);
		t->cpu = to->cpu;
		rq_enqueue(to, t);
	}
	spin_unlock(&from->lock);
	spin_unlock(&to->lock);
	return t != NULL;
}
