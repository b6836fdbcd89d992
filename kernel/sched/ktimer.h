/* Timers of the core: kept per CPU, run in interrupt context. Modules use
 * entry/timer.h, whose records outlive them. */
#pragma once
#include "lib/types.h"

struct ktimer {
	/* Fixed. */
	void (*fn)(struct ktimer *t);
	/* Under the lock of the timer queue of `cpu`. */
	u64 deadline;			/* clock_ns() */
	struct ktimer *child, *next, *prev;	/* pairing heap */
	u32 cpu;
	bool queued;
};

void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *t));
/* (Re-)arms for an absolute time. Any context. */
void ktimer_arm(struct ktimer *t, u64 deadline);
/* Takes it out; true when it was queued. Its function may still be running. */
bool ktimer_cancel(struct ktimer *t);
/* The same, and waits until the function is not running (spins; not from the
 * function itself). The function may free its timer. */
bool ktimer_cancel_sync(struct ktimer *t);
/* Runs what is due on this CPU, and returns the next deadline (~0: none).
 * From the timer interrupt. */
u64  ktimer_run_due(void);
