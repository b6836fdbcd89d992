/* Which physical memory may be used: the loader's regions minus what lies in
 * them already. Pure, also run on the host: memory maps of real firmware overlap,
 * are unsorted and are not page aligned. */
#pragma once
#include "lib/types.h"

#define MEMMAP_MAX_SPANS 96

struct span { u32 start, end; };	/* frames; end is one past */

struct memmap {
	u32 nr_usable, nr_taken;
	struct span usable[MEMMAP_MAX_SPANS];	/* may overlap each other ... */
	struct span taken[MEMMAP_MAX_SPANS];	/* ... and these, which win */
};

/* Bytes [start, end), cut off at `limit`: usable memory is rounded inwards to
 * whole frames, taken memory outwards. False when the map is full. */
bool memmap_add_usable(struct memmap *m, u64 start, u64 end, u64 limit) must_use;
bool memmap_add_taken(struct memmap *m, u64 start, u64 end, u64 limit) must_use;
/* The first run of free frames at or above run->end (begin with 0). It may be
 * followed by another one without a gap. False: no more. */
bool memmap_next(const struct memmap *m, struct span *run) must_use;
/* One past the last usable frame. */
u32  memmap_end(const struct memmap *m);
