/* The race detector of `make KCSAN=1`. GCC calls it at each access to memory (-fsanitize=thread
 * with the parameters that Linux uses for its own; the design is Marco Elver's, LWN 816850):
 *
 *	CPU 0					CPU 1
 *	each 2000th plain access or so:
 *	  posts a watchpoint, waits 40 us
 *						an access meets it: writes down who it is
 *	  takes the watchpoint back: hit
 *	  reports both, or a value that
 *	  has changed although no access was seen
 *
 * Two accesses race if they overlap, one of them at least writes, and one at least is plain.
 * READ_ONCE(), WRITE_ONCE() and what x86/atomic.h has are marked; so a watchpoint is posted for
 * plain accesses alone. No report is ever wrong about that: both were under way at once. What
 * is not sampled is not seen. */
#pragma once
#include "lib/types.h"

#define KCSAN_WRITE  1u
#define KCSAN_MARKED 2u

#ifdef KCSAN
/* Boot CPU, once the clock runs and all CPUs have a GS. */
void kcsan_start(void);
#else
static inline void kcsan_start(void) { }
#endif

/* Races reported, and accesses that were watched, since the start. */
u32  kcsan_races(void);
u32  kcsan_watched(void);
/* For the test of the detector: a race that touches one of `len` bytes at `p` is counted in
 * kcsan_expected() and not reported. NULL: none is expected. One range at a time. */
void kcsan_expect(const void *p, u32 len);
u32  kcsan_expected(void);

/* -- within check/ ------------------------------------------------------------------- */

#define KCSAN_DEPTH 8

/* One side of a race. */
struct kcsan_side {
	u32 addr, size, kind;		/* kind: KCSAN_* */
	u32 cpu;
	const char *task;
	u32 depth;
	u32 stack[KCSAN_DEPTH];		/* where it is, then its callers */
};

/* `other`: NULL when no access was seen, but the value changed. Interrupts off. */
void kcsan_report(const struct kcsan_side *watcher, const struct kcsan_side *other, u32 before, u32 after);
/* Somewhere below the compiler's call: whose access it is. */
void kcsan_check(u32 addr, u32 size, u32 kind, u32 ip, u32 ebp);
