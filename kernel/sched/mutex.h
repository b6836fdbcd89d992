/* Sleeping locks with an owner, and priority inheritance along the chain of
 * owners. */
#pragma once
#include "sched/wait.h"

struct mutex {
	struct wait_queue queue;
	/* Under the queue's lock. */
	struct task *owner;
	/* Under chain_lock (mutex.c); in use while somebody waits. */
	struct list held_node;		/* in owner->held */
	u32 top_waiter;			/* the highest priority that waits */
};

#define MUTEX(var, n) \
	{ .queue = WAIT_QUEUE((var).queue, n), .held_node = LIST_INIT((var).held_node) }
void mutex_init(struct mutex *m, const char *name);
/* May sleep. The owner must not take it again (asserted). */
void mutex_lock(struct mutex *m);
int  mutex_lock_interruptible(struct mutex *m) must_use;	/* 0, -EINTR, -ENODEV */
bool mutex_trylock(struct mutex *m) must_use;
void mutex_unlock(struct mutex *m);
static inline bool mutex_held(const struct mutex *m) { return READ_ONCE(m->owner) == current; }
