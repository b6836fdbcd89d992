/* Sets of small numbers, one bit each, and runs of them. */
#pragma once
#include "lib/types.h"

#define BITMAP_WORDS(bits)   (((bits) + 31) / 32)
#define BITMAP(name, bits)   u32 name[BITMAP_WORDS(bits)]

static inline bool bitmap_test(const u32 *map, u32 bit)
{
	return map[bit / 32] >> (bit % 32) & 1;
}

void bitmap_set_run(u32 *map, u32 start, u32 n);
void bitmap_clear_run(u32 *map, u32 start, u32 n);
/* The first set, or clear, bit in [from, end); `end` when there is none. */
u32  bitmap_next_set(const u32 *map, u32 from, u32 end);
u32  bitmap_next_clear(const u32 *map, u32 from, u32 end);
/* Start of the first run of `n` clear bits inside [from, end); `end`: none. */
u32  bitmap_find_clear_run(const u32 *map, u32 from, u32 end, u32 n);
