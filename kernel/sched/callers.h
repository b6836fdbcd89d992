/* Who called whom, by the chain of frame pointers on a kernel stack; also across a trap
 * (vectors.asm). All code is compiled with frame pointers. */
#pragma once
#include "sched/task.h"

struct caller_walk {
	u32 ebp, low, top;		/* the next frame; where it may lie */
};

/* Of a task at rest, whose saved stack pointer is sp: its stack does not change meanwhile. */
static inline struct caller_walk callers_of(const struct task *t, u32 sp, u32 ebp)
{
	return (struct caller_walk){ ebp, sp, t->kernel_top };
}

/* Of the function that asks. */
static always_inline struct caller_walk callers_of_me(void)
{
	u32 ebp = (u32)__builtin_frame_address(0);

	return (struct caller_walk){ ebp, ebp, current->kernel_top };
}

/* The next return address outwards; 0: that was the last. Any context. */
static inline u32 caller_next(struct caller_walk *w)
{
	const u32 *frame = (const u32 *)w->ebp;

	if (w->ebp < w->low || w->ebp + 8 > w->top || (w->ebp & 3))
		return 0;
	w->low = w->ebp + 4;
	w->ebp = frame[0];
	return frame[1];
}

/* The next one in [base, base + size); 0: there is none. */
static inline u32 caller_next_in(struct caller_walk *w, u32 base, u32 size)
{
	u32 address;

	do {
		address = caller_next(w);
	} while (address && address - base >= size);
	return address;
}
