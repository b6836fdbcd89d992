#include "sched/runqueue.h"

void runqueue_init(struct runqueue *q)
{
	q->occupied = 0;
	q->nr = 0;
	for (u32 i = 0; i < RUNQUEUE_LEVELS; i++)
		list_init(&q->level[i]);
}

struct rq_node *runqueue_next(struct runqueue *q, struct rq_node *n)
{
	u32 below;

	if (n->link.next != &q->level[n->level])
		return list_first(&n->link, struct rq_node, link);
	below = q->occupied & ((1u << n->level) - 1);
	if (!below)
		return NULL;
	return list_first(&q->level[31 - __builtin_clz(below)], struct rq_node, link);
}
