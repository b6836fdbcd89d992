#include "sched/runqueue.h"

_Static_assert(NR_PRIOS == 32, "one bit of map for each priority");

void runqueue_init(struct runqueue *q)
{
	q->map = 0;
	q->nr = 0;
	for (u32 p = 0; p < NR_PRIOS; p++)
		list_init(&q->list[p]);
}

void runqueue_add(struct runqueue *q, struct task *t)
{
	list_add_tail(&q->list[t->prio], &t->rq_node);
	q->map |= 1u << t->prio;
	q->nr++;
}

void runqueue_remove(struct runqueue *q, struct task *t)
{
	list_del(&t->rq_node);
	if (list_empty(&q->list[t->prio]))
		q->map &= ~(1u << t->prio);
	q->nr--;
}

struct task *runqueue_first(const struct runqueue *q)
{
	if (!q->map)
		return NULL;
	u32 top = 31u - (u32)__builtin_clz(q->map);
	return list_first(&q->list[top], struct task, rq_node);
}
