/* What must be back where it was when modules have come and gone. */
#pragma once
#include "lib/types.h"

struct balance_sheet {
	u32 frames;			/* in use, caches and page tables left out */
	u32 heap_blocks, heap_bytes;
	u32 stacks;			/* that tasks run on */
	u32 entries, tasks, processes, handles, endpoints, files, irq_lines, modules;
};

/* Waits, within reason, until of tasks that end nothing is left: the last of one is given
 * back by the CPU that it ran on, when others know of its end already. May sleep. */
void wait_for_exits(void);
/* Counts, when tasks that end have gone. Empties the graveyard first: what it keeps is no
 * leak. May sleep. */
struct balance_sheet balance_take(void);
/* The first of two, where other commands may be ending: waits until two in a row, 30 ms
 * apart, are equal, for at most 2 s. May sleep. */
struct balance_sheet balance_before(void);
/* The same again, once all is as before; after `patience_ns`, as it is. */
struct balance_sheet balance_after(const struct balance_sheet *before, u64 patience_ns);
/* True when nothing is missing; else says what, each in a line that starts with
 * `who`. */
bool balance_compare(const char *who, const struct balance_sheet *before,
                     const struct balance_sheet *after) must_use;
