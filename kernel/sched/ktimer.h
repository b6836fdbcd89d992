/* Timers of the core: kept per CPU, run in interrupt context. Modules use
 * entry/timer.h, whose records outlive them. */
#pragma once
#include "lib/types.h"
#include "sched/pairing.h"

struct ktimer {
	/* Fixed. */
	void (*fn)(struct ktimer *t);	/* may arm the timer again, and may free it */
	/* Under the lock of the timer queue of `cpu`. */
	struct pairing_node node;	/* its key is the deadline, clock_ns() */
	u32 cpu;
	bool queued;
};

void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *t));
/* (Re-)arms for an absolute time; fires on the CPU that called. Any context. */
void ktimer_arm(struct ktimer *t, u64 deadline);
/* Takes it out; true when it was queued. Its function may still be running. Any
 * context. */
bool ktimer_cancel(struct ktimer *t);
/* The same, and waits until the function is not running (spins; not from the
 * function itself, nor with a lock held that it takes). Any context but
 * interrupts. */
bool ktimer_cancel_sync(struct ktimer *t);
/* Runs what is due on this CPU, and returns the next deadline (~0: none). From
 * the timer interrupt. */
u64  ktimer_run_due(u64 now);
