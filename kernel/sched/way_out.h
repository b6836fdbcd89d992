/* A way out of code that is called and may never return.
 *
 * When its time is over, interruptible waits in it return -EINTR. If it does not heed
 * that, it is left: the next tick that finds the task executing that very code, where it
 * holds nothing of the core, sends it back to the caller, and so does the second wait that
 * would return there. What the code had begun stays as it is: so this is for the last
 * thing that is ever called there (a module's exit). */
#pragma once
#include "sched/ktimer.h"
#include "sched/task.h"

struct regs;

struct way_out {
	/* The caller's, while it calls. */
	u32 sp;				/* his registers lie there; way_out.asm knows it by its place */
	u32 base, size;			/* the code that may be left at any instruction of it */
	u32 nr_mutexes, must_return;	/* of the task, before the call */
	const struct entry_call *entry_calls;	/* likewise */
	u32 own_mutexes;		/* taken since, and they lie in the range: they go with the code */
	struct way_out *outer;
	struct task *task;
	struct ktimer alarm;
	/* The alarm writes. */
	bool overdue;
	/* Its own task, its ticks included. */
	bool told;			/* a wait has returned since it is overdue */
	u32 left_at;			/* the instruction that it never came to; 0: it returned */
};

/* Calls fn(arg), which lies in [base, base + size), and gives it that long: true when it
 * returned, false when it was left, w->left_at then tells where. May sleep. */
bool call_with_way_out(void (*fn)(void *arg), void *arg, u32 base, u32 size, u64 patience_ns, struct way_out *w) must_use;

/* In the tick of a CPU whose task has a way out. Interrupts off. */
void way_out_take(struct regs *regs);
/* The calling task, which has a way out, has locked (1) or unlocked (-1) the mutex at `addr`. */
void way_out_count_mutex(u32 addr, u32 by);
/* At the end of a wait that returns to `caller`. Context: task. */
void way_out_take_at(u32 caller);
/* Is the calling task's time over? Any context. */
static inline bool way_out_overdue(void)
{
	const struct way_out *w = current->way_out;

	return unlikely(w) && READ_ONCE(w->overdue);
}
