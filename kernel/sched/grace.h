/* A grace period: the time until every CPU has switched tasks at least once. Who read
 * something in a stretch without preemption is through with it then. */
#pragma once
#include "lib/list.h"
#include "lib/types.h"

struct grace_callback {
	struct list node;
	void (*fn)(struct grace_callback *cb);
};

void grace_init(void);		/* starts the core task that runs the callbacks */
/* Has fn(cb) called, in task context, after a grace period. Any context. */
void grace_defer(struct grace_callback *cb, void (*fn)(struct grace_callback *cb));
/* Waits for a grace period, and for all that was deferred before. May sleep. */
void grace_wait(void);
