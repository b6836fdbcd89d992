#include "lib/bitmap.h"

/* The bits of word `w` that lie in [start, end). */
static u32 mask_in_word(u32 w, u32 start, u32 end)
{
	u32 low = w == start / 32 ? start % 32 : 0;
	u32 mask = ~0u << low;

	if (w == end / 32)
		mask &= (1u << (end % 32)) - 1;
	return mask;
}

void bitmap_set_run(u32 *map, u32 start, u32 n)
{
	for (u32 w = start / 32; w * 32 < start + n; w++)
		map[w] |= mask_in_word(w, start, start + n);
}

void bitmap_clear_run(u32 *map, u32 start, u32 n)
{
	for (u32 w = start / 32; w * 32 < start + n; w++)
		map[w] &= ~mask_in_word(w, start, start + n);
}

/* `flip` all ones: look for a clear bit instead of a set one. */
static u32 next_bit(const u32 *map, u32 from, u32 end, u32 flip)
{
	for (u32 w = from / 32; w * 32 < end; w++) {
		u32 found = (map[w] ^ flip) & mask_in_word(w, from, end);
		if (found)
			return w * 32 + (u32)__builtin_ctz(found);
	}
	return end;
}

u32 bitmap_next_set(const u32 *map, u32 from, u32 end)
{
	return next_bit(map, from, end, 0);
}

u32 bitmap_next_clear(const u32 *map, u32 from, u32 end)
{
	return next_bit(map, from, end, ~0u);
}

u32 bitmap_find_clear_run(const u32 *map, u32 from, u32 end, u32 n)
{
	while (from < end && end - from >= n) {
		u32 start = bitmap_next_clear(map, from, end);
		if (end - start < n)
			break;
		from = bitmap_next_set(map, start, start + n);
		if (from == start + n)
			return start;
	}
	return end;
}
