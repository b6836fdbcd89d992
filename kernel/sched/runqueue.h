/* The tasks that wait for a CPU: one list for each priority, and a bit for each
 * list that is not empty. Adding, removing and finding the first take the same
 * time whatever the number of tasks. Pure: also tested on the host. */
#pragma once
#include "lib/list.h"
#include "lib/types.h"

#define RUNQUEUE_LEVELS 32

struct rq_node {
	struct list link;
	u32 level;			/* the list that it is on */
};

struct runqueue {
	u32 occupied;			/* bit n: level n is not empty */
	u32 nr;
	struct list level[RUNQUEUE_LEVELS];
};

void runqueue_init(struct runqueue *q);
static inline void rq_node_init(struct rq_node *n) { list_init(&n->link); }
static inline bool rq_node_queued(const struct rq_node *n) { return !list_empty(&n->link); }

static inline void runqueue_add(struct runqueue *q, struct rq_node *n, u32 level)
{
	n->level = level;
	list_add_tail(&q->level[level], &n->link);
	WRITE_ONCE(q->occupied, q->occupied | 1u << level);
	q->nr++;
}

/* Before the others of its level. */
static inline void runqueue_add_first(struct runqueue *q, struct rq_node *n, u32 level)
{
	n->level = level;
	list_add(&q->level[level], &n->link);
	WRITE_ONCE(q->occupied, q->occupied | 1u << level);
	q->nr++;
}

static inline void runqueue_remove(struct runqueue *q, struct rq_node *n)
{
	list_del(&n->link);
	if (list_empty(&q->level[n->level]))
		WRITE_ONCE(q->occupied, q->occupied & ~(1u << n->level));
	q->nr--;
}

/* The highest level that is not empty; -1: all are. A hint where the queue is not locked (tick.c). */
static inline int runqueue_highest(const struct runqueue *q)
{
	u32 occupied = READ_ONCE(q->occupied);

	return occupied ? 31 - __builtin_clz(occupied) : -1;
}

/* The one to run next; NULL: none. */
static inline struct rq_node *runqueue_first(struct runqueue *q)
{
	if (!q->occupied)
		return NULL;
	return list_first(&q->level[31 - __builtin_clz(q->occupied)], struct rq_node, link);
}

/* The one behind `n`, in the order in which they would run; NULL: it is the last. */
struct rq_node *runqueue_next(struct runqueue *q, struct rq_node *n);
