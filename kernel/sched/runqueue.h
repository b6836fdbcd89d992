/* A run queue's lists: one for each priority, and a map of those that are not
 * empty. Pure; the caller holds the lock. Inline, because every switch between
 * two tasks goes through here twice. */
#pragma once
#include "sched/task.h"

_Static_assert(NR_PRIOS == 32, "one bit of map for each priority");

struct runqueue {
	u32 map;			/* bit p: list[p] has somebody */
	u32 nr;				/* tasks in the lists */
	struct list list[NR_PRIOS];
};

void runqueue_init(struct runqueue *q);

/* At the end of its priority. */
static inline void runqueue_add(struct runqueue *q, struct task *t)
{
	list_add_tail(&q->list[t->prio], &t->rq_node);
	q->map |= 1u << t->prio;
	q->nr++;
}

static inline void runqueue_remove(struct runqueue *q, struct task *t)
{
	list_del(&t->rq_node);
	if (list_empty(&q->list[t->prio]))
		q->map &= ~(1u << t->prio);
	q->nr--;
}

/* The first of the highest priority; NULL: empty. Stays in. */
static inline struct task *runqueue_first(const struct runqueue *q)
{
	if (!q->map)
		return NULL;
	u32 top = 31u - (u32)__builtin_clz(q->map);
	return list_first(&q->list[top], struct task, rq_node);
}

/* Is somebody of at least `prio` waiting? */
static inline bool runqueue_has(const struct runqueue *q, u32 prio) { return q->map >> prio; }
