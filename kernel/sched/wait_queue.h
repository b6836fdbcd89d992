/* A place to wait at; wait.h has what is done there. */
#pragma once
#include "lib/list.h"
#include "smp/spinlock.h"

struct wait_queue {
	/* Fixed. */
	const char *name;
	struct spinlock lock;
	/* Under lock. */
	struct list waiters;
};

#define WAIT_QUEUE(var, n) \
	{ .name = (n), .lock = SPINLOCK_IRQ(n, RANK_WAIT), .waiters = LIST_INIT((var).waiters) }
/* `name` must last as long as the queue. */
void wait_queue_init(struct wait_queue *q, const char *name);
