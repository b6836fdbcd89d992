/* Wait queues. A wait that is entered from a closing module, or that belongs
 * to a task being killed or stopped, returns an error, so that sleepers walk
 * out: callers must pass the error on. */
#pragma once
#include "lib/list.h"
#include "sched/task.h"
#include "sched/wait_queue.h"
#include "x86/clock.h"

#define WAIT_FOREVER (~0ull)

struct waiter {
	struct task *task;
	struct wait_queue *queue;
	struct list node;		/* under the queue's lock; empty: woken */
};

/* The parts of wait_event(). After wait_prepare() a wake-up is not lost. The
 * condition may itself sleep. */
void wait_prepare(struct wait_queue *q, struct waiter *w);
/* Sleeps until woken. 0; -ETIMEDOUT at `deadline` (clock_ns(), or
 * WAIT_FOREVER); -EINTR: killed or asked to stop; -ENODEV: the caller's module
 * is closing. Prepares the next round before it returns 0. */
int  wait_sleep(struct waiter *w, u64 deadline) must_use;
void wait_finish(struct waiter *w);

/* The deadline is taken before the first look at the condition. */
#define wait_event_with(sleep, q, cond, deadline) ({                            \
	struct waiter w_;                                                       \
	u64 deadline_ = (deadline);                                             \
	int err_ = 0;                                                           \
	wait_prepare((q), &w_);                                                 \
	while (!(cond)) {                                                       \
		err_ = sleep(&w_, deadline_);                                   \
		if (err_) {                                                     \
			if (cond)                                               \
				err_ = 0;                                       \
			break;                                                  \
		}                                                               \
	}                                                                       \
	wait_finish(&w_);                                                       \
	err_; })

/* Sleeps until cond holds. 0, -EINTR, -ENODEV, and with a deadline (clock_ns())
 * or a time in ns -ETIMEDOUT. May sleep. */
#define wait_event_until(q, cond, deadline) wait_event_with(wait_sleep, q, cond, deadline)
#define wait_event(q, cond)             wait_event_until(q, cond, WAIT_FOREVER)
#define wait_event_timeout(q, cond, ns) wait_event_until(q, cond, clock_ns() + (ns))

/* The core's own waits, which must not be cut short: ends by wake-up or
 * deadline only (0 or -ETIMEDOUT). */
int  wait_sleep_uninterruptible(struct waiter *w, u64 deadline) must_use;
#define wait_event_core(q, cond, deadline) \
	wait_event_with(wait_sleep_uninterruptible, q, cond, deadline)

/* Any context. wake_one() chooses the waiter of the highest priority, and among
 * those the one that came first; two calls wake two. */
void wake_all(struct wait_queue *q);
void wake_one(struct wait_queue *q);

/* Asked before each interruptible sleep and at its end, while wait_gate_active != 0, with
 * each return address on the way to the sleep, and current->works_on: an error means that
 * the module there is closing. entry/ sets both. Any context. */
extern u32 wait_gate_active;
extern int (*wait_gate)(u32 caller);
/* Makes every task that sleeps (TASK_SLEEPING) with a caller, near or far, or works_on in
 * [base, base+size) look at the gate again. */
void wait_recheck_range(u32 base, u32 size);
/* The same of a module of that generation, except tasks that have not run since its load. */
void wait_recheck_since(u32 base, u32 size, u32 generation);
