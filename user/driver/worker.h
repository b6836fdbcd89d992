/* Workers: stacks on which calls are served, so that one that waits does not keep the
 * others. They take turns by themselves; none is ever interrupted. */
#pragma once
#include "user/driver/module/api.h"
#include "user/lib/device.h"

#define MAX_WORKERS 64u

struct open_file;

struct worker {
	u32 sp;
	void *buffer;			/* DEVICE_PIECE bytes, for what goes from or to its client */
	void (*run)(struct worker *w);
	struct call call;		/* what it serves */
	u32 kept;			/* its caller's CALL handle, once it has waited; 0: not yet */
	struct open_file *file;		/* in use by it; NULL: none */
	struct list node;		/* of those that can run, or wait for the same thing */
	u64 deadline;			/* while it waits */
	int woken;			/* what its wait returns */
	enum { WORKER_IDLE, WORKER_RUNS, WORKER_WAITS } state;
};

/* Lets a worker run() until it returns or waits. NULL: all are busy. */
struct worker *worker_start(void (*run)(struct worker *w), const struct call *c, struct open_file *file);
/* Raised at HANDLE_SERVICE: a caller that waits has ended. */
#define BIT_GONE (1u << 18)
/* Ends the waits of workers whose caller has ended: -EINTR. */
void workers_look_for_callers(void);
/* How many calls of clients wait. */
u32  workers_waiting(void);
/* Ends the waits of those who use `file`. */
void workers_interrupt(const struct open_file *file);
/* Lets those run whom somebody has woken, or whose time is over. */
void workers_run(void);
/* When the next one's time is over; WAIT_FOREVER. */
u64  workers_deadline(void);
