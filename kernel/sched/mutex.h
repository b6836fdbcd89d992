/* Sleeping locks with an owner, and priority inheritance along the chain of
 * owners. */
#pragma once
#include "sched/wait.h"

struct mutex {
	struct wait_queue queue;	/* its lock protects the fields below */
	struct task *owner;
};

#define MUTEX(var, n) { .queue = WAIT_QUEUE((var).queue, n) }
void mutex_init(struct mutex *m, const char *name);
/* May sleep. The owner must not take it again (asserted). */
void mutex_lock(struct mutex *m);
int  mutex_lock_interruptible(struct mutex *m) must_use;	/* 0, -EINTR, -ENODEV */
bool mutex_trylock(struct mutex *m) must_use;
void mutex_unlock(struct mutex *m);
static inline bool mutex_held(const struct mutex *m) { return READ_ONCE(m->owner) == current; }
