/* The counts that the core keeps for a module (the module's own: remove.h). */
#pragma once
#include "entry/owner.h"

/* Each wraps, and only their difference counts, which does not: fewer than 2^32 are inside. */
struct count { u32 entrances, exits; };
extern struct count counts[NR_CPUS][MAX_OWNERS + 1];	/* each CPU writes its own */

/* Two numbers for each CPU: how often a module was entered and left there. Any context;
 * an increment is one instruction without a lock prefix, on this CPU's own number. */
void count_entrance(u32 slot);
void count_exit(u32 slot);
/* Users inside, or holding on: all exits summed first, then all entrances. Between the
 * two sums more may have come in, and those are seen; had the entrances been summed
 * first, one who came and went meanwhile would be missing among them:
 *
 *   CPU 0 (sums)                       CPU 1
 *   entrances: 1 (A)
 *                                      B enters (not seen), leaves
 *   exits: 1 (B's), 1 - 1 = 0          A is inside
 */
u32  count_inside(u32 slot);

/* One number that cannot rise from zero. owner->refs begins at 1, for the module
 * being loaded. */
bool ref_get_unless_zero(struct owner *o) must_use;
bool ref_put(struct owner *o);		/* true: it was the last */
