/* Sleeping locks with an owner. Whoever waits lends its priority to the owner,
 * and so on along the chain of owners who wait themselves. */
#pragma once
#include "sched/wait.h"

struct mutex {
	struct wait_queue queue;	/* its lock protects the fields below */
	struct task *owner;		/* any task may compare it with itself: READ_ONCE() */
};

#define MUTEX(var, n) { .queue = WAIT_QUEUE((var).queue, n) }
/* `name` must last as long as the mutex. */
void mutex_init(struct mutex *m, const char *name);
/* May sleep. The owner must not take it again (asserted): it would wait for itself. */
void mutex_lock(struct mutex *m);
int  mutex_lock_interruptible(struct mutex *m) must_use;	/* 0, -EINTR, -ENODEV */
/* Task context; in an interrupt it is refused (false), after a message that names the caller. */
bool mutex_trylock(struct mutex *m) must_use;
/* Task context. By its owner, or by another task to which it was handed over (from open() to
 * release(), say). */
void mutex_unlock(struct mutex *m);
/* By the current task? Exact: whatever others write meanwhile, it is never this one. */
static inline bool mutex_held(const struct mutex *m) { return READ_ONCE(m->owner) == current; }
