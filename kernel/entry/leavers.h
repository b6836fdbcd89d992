/* Tasks that an unload waits for at the ends of files that it has cut off. */
#pragma once
#include "entry/owner.h"

struct task;

/* Up to `max` tasks without which a cut-off file of `o` does not end, each with a reference for the
 * caller: those in a call on one or in the release() of one, wherever they are, and the core's own that
 * are to release some. Such a task may hold no address of the module. How many. Any context. */
u32  owner_leavers(struct owner *o, struct task **who, u32 max);
/* Has a file of `o` been opened that is not cut off? Any context. */
bool owner_has_uncut(struct owner *o);
