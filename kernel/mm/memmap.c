#include "mm/memmap.h"
#include "x86/layout.h"

bool memmap_add_usable(struct memmap *m, u64 start, u64 end, u64 limit)
{
	end = MIN(end, limit);
	if (start >= end)
		return true;
	if (m->nr_usable == MEMMAP_MAX_SPANS)
		return false;

	struct span s = { (u32)((start + PAGE_SIZE - 1) >> PAGE_SHIFT), (u32)(end >> PAGE_SHIFT) };
	if (s.start < s.end)
		m->usable[m->nr_usable++] = s;
	return true;
}

bool memmap_add_taken(struct memmap *m, u64 start, u64 end, u64 limit)
{
	end = MIN(end, limit);
	if (start >= end)
		return true;
	if (m->nr_taken == MEMMAP_MAX_SPANS)
		return false;
	m->taken[m->nr_taken++] = (struct span){
		(u32)(start >> PAGE_SHIFT), (u32)((end + PAGE_SIZE - 1) >> PAGE_SHIFT)
	};
	return true;
}

/* Does a span hold `frame`? Lowers *boundary to the nearest start or end above it. */
static bool any_holds(const struct span *span, u32 n, u32 frame, u32 *boundary)
{
	bool held = false;

	for (u32 i = 0; i < n; i++) {
		if (frame >= span[i].start && frame < span[i].end)
			held = true;
		if (span[i].start > frame)
			*boundary = MIN(*boundary, span[i].start);
		if (span[i].end > frame)
			*boundary = MIN(*boundary, span[i].end);
	}
	return held;
}

bool memmap_next(const struct memmap *m, struct span *run)
{
	/* From boundary to boundary: between two, all frames are alike. */
	for (u32 at = run->end; ; ) {
		u32 boundary = ~0u;
		bool usable = any_holds(m->usable, m->nr_usable, at, &boundary);
		bool taken = any_holds(m->taken, m->nr_taken, at, &boundary);

		if (boundary == ~0u)
			return false;
		if (usable && !taken) {
			*run = (struct span){ at, boundary };
			return true;
		}
		at = boundary;
	}
}

u32 memmap_end(const struct memmap *m)
{
	u32 end = 0;

	for (u32 i = 0; i < m->nr_usable; i++)
		end = MAX(end, m->usable[i].end);
	return end;
}
