/* A grace period: the time until every CPU has switched tasks at least once. Who read
 * something in a stretch without preemption is through with it then. */
#pragma once
#include "lib/list.h"
#include "lib/types.h"

struct grace_callback {
	struct list node;		/* empty: not deferred */
	void (*fn)(struct grace_callback *cb);
};
#define GRACE_CALLBACK(var) { .node = LIST_INIT((var).node) }

void grace_init(void);		/* starts the core task that runs the callbacks */
/* Has fn(cb) called, in task context, after a grace period that begins now, also if
 * it was deferred already. fn may not sleep for long: others wait. Any context. */
void grace_defer(struct grace_callback *cb, void (*fn)(struct grace_callback *cb));
bool grace_is_deferred(const struct grace_callback *cb);
/* Takes it back. fn may have begun. Any context. */
void grace_cancel(struct grace_callback *cb);
/* The same, and waits until fn is through. May sleep. */
void grace_cancel_sync(struct grace_callback *cb);
/* Waits for a grace period, and for all that was deferred before. May sleep. */
void grace_wait(void);
