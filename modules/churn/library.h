/* What the library of churn offers: work on its users' behalf, in each way that one module can
 * make the core lead into another one. */
#pragma once
#include "module/api.h"

/* A user's object. The library touches it, and calls fn if there is one. */
struct churn_object {
	u32 touched;
	void (*fn)(struct churn_object *o);
};

/* A record whose function is the library's and whose argument is the object: a timer, a work
 * item or a thread. The library keeps the handle and ends it when it likes, or never. 0 or
 * an error. May sleep. */
int  churn_lib_timer(struct churn_object *o);
int  churn_lib_work(struct churn_object *o);
int  churn_lib_thread(struct churn_object *o);
/* The other way round: the function is the user's, the handle the library's to use and to end. */
int  churn_lib_keep_timer(void (*fn)(void *arg), void *arg);
/* Keeps the number of a callback, and calls it now and then. */
void churn_lib_keep_callback(int id);
/* Does something with a handle or a number that it keeps. May sleep. */
void churn_lib_poke(void);
/* Waits at a user's queue, for `ns` at most: as wait_event_timeout(). */
int  churn_lib_wait(struct wait_queue *q, u64 ns);
/* Leaves `p` in a block of its heap that it has freed. */
void churn_lib_scratch(const void *p);
