/* Deferred work: runs soon, in a task of the core, and may sleep. */
#pragma once
#include "entry/entry.h"

struct work;

void work_init(void);		/* starts the workers: as many as there are CPUs */
struct work *work_create(const char *name, void (*fn)(void *arg), void *arg) must_use;
/* Queues it unless it is queued already. True when it was put in. Any context. */
bool work_queue(struct work *w);
/* The same after a grace period (sched/grace.h): whoever found something without
 * preemption before it was unlinked is through with it when this runs, and may free it.
 * What Linux calls queue_rcu_work(). Any context. */
bool work_queue_after_grace(struct work *w);
/* Takes it out; true when it was to run. It may still be running. */
bool work_cancel(struct work *w);
/* Waits until it is neither queued nor running; the caller keeps it from being
 * destroyed meanwhile. 0, -EINTR, -ENODEV (the caller's module is going). May
 * sleep, so not from the work itself. */
int  work_flush(struct work *w);
void work_destroy(struct work *w);
