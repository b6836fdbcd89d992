/* Deferred work: runs soon, in a task of the core, and may sleep. */
#pragma once
#include "entry/entry.h"

struct work;			/* a handle (entry/handle.h): usable, in vain, when its record is gone */

void work_init(void);		/* starts the workers: as many as there are CPUs */
/* ERR_PTR: as entry_add(), -ENOMEM. Any context. */
struct work *work_create(const char *name, void (*fn)(void *arg), void *arg) must_use;
/* Queues it unless it is queued already. True when it was put in; false, too, when it is
 * gone. Any context. */
bool work_queue(struct work *w);
/* The same after a grace period (sched/grace.h): whoever found something without
 * preemption before it was unlinked is through with it when this runs, and may free it.
 * What Linux calls queue_rcu_work(). Any context. */
bool work_queue_after_grace(struct work *w);
/* Takes it out; true when it was to run. It may still be running. Any context. */
bool work_cancel(struct work *w);
/* Waits until it is neither queued nor running. 0, -EINTR, -ENODEV (the caller's module is
 * going, or the work is gone), -EDEADLK (after a message: from the work itself, or where
 * sleeping is not allowed). May sleep. */
int  work_flush(struct work *w);
/* Takes it out, waits until it does not run, and gives the record back. May sleep; not from
 * the work itself. 0, or as entry_destroy() says. */
int  work_destroy(struct work *w);
