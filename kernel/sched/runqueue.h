/* A run queue's lists: one for each priority, and a map of those that are not
 * empty. Pure; the caller holds the lock. */
#pragma once
#include "sched/task.h"

struct runqueue {
	u32 map;			/* bit p: list[p] has somebody */
	u32 nr;				/* tasks in the lists */
	struct list list[NR_PRIOS];
};

void runqueue_init(struct runqueue *q);
void runqueue_add(struct runqueue *q, struct task *t);		/* at the end of its priority */
void runqueue_remove(struct runqueue *q, struct task *t);
/* The first of the highest priority; NULL: empty. Stays in. */
struct task *runqueue_first(const struct runqueue *q);
/* Is somebody of at least `prio` waiting? */
static inline bool runqueue_has(const struct runqueue *q, u32 prio) { return q->map >> prio; }
