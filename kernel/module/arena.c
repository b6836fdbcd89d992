#include "module/arena.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/heap.h"

#define GRANULE   16u
#define PAGE      4096u

struct arena {
	u32 base, nr_granules;
	arena_mapper map;
	u32 mapped_pages;
	u32 used_blocks, used_granules;
	u32 *used;		/* a bit for each granule that is part of a block */
	u32 *last;		/* a bit for each that is the last one of a block */
};

struct arena *arena_create(u32 base, u32 size, arena_mapper map)
{
	struct arena *a = kzalloc(sizeof(*a));

	if (!a)
		return NULL;
	a->base = base;
	a->nr_granules = size / GRANULE;
	a->map = map;
	return a;
}

/* The maps are made when they are needed: most modules allocate nothing. */
static bool make_bitmaps(struct arena *a)
{
	u32 words = BITMAP_WORDS(a->nr_granules);

	if (!a->used) {
		a->used = kzalloc(2 * words * sizeof(u32));
		if (a->used)
			a->last = a->used + words;
	}
	return a->used;
}

static bool map_up_to(struct arena *a, u32 end_granule, bool map_more)
{
	u32 pages = (end_granule * GRANULE + PAGE - 1) / PAGE;

	if (pages <= a->mapped_pages)
		return true;
	if (!map_more || a->map(a->base + a->mapped_pages * PAGE, pages - a->mapped_pages))
		return false;
	a->mapped_pages = pages;
	return true;
}

void *arena_alloc(struct arena *a, u32 size, bool map_more)
{
	u32 n = size / GRANULE + (size % GRANULE != 0), at;
	void *p;

	if (n > a->nr_granules || !make_bitmaps(a))
		return NULL;
	n = MAX(n, 1u);
	at = bitmap_find_clear_run(a->used, 0, a->nr_granules, n);
	if (at == a->nr_granules || !map_up_to(a, at + n, map_more))
		return NULL;
	bitmap_set_run(a->used, at, n);
	bitmap_set_run(a->last, at + n - 1, 1);
	a->used_blocks++;
	a->used_granules += n;
	p = (void *)(uintptr_t)(a->base + at * GRANULE);
	return memset(p, 0, n * GRANULE);
}

/* A block begins at a used granule behind a free one or behind another's last. */
static bool block_starts_at(const struct arena *a, u32 at)
{
	if (!a->used || at >= a->nr_granules || !bitmap_test(a->used, at))
		return false;
	return at == 0 || !bitmap_test(a->used, at - 1) || bitmap_test(a->last, at - 1);
}

bool arena_free(struct arena *a, const void *p)
{
	uintptr_t offset = (uintptr_t)p - a->base;
	u32 at = (u32)(offset / GRANULE), last;

	if ((uintptr_t)p < a->base || offset % GRANULE || offset / GRANULE >= a->nr_granules ||
	    !block_starts_at(a, at))
		return false;
	last = bitmap_next_set(a->last, at, a->nr_granules);
	/* An address that is left in it would count as kept (unload/bare_pointers.c). */
	memset((void *)(uintptr_t)(a->base + at * GRANULE), 0, (last + 1 - at) * GRANULE);
	bitmap_clear_run(a->used, at, last + 1 - at);
	bitmap_clear_run(a->last, last, 1);
	a->used_blocks--;
	a->used_granules -= last + 1 - at;
	return true;
}

#ifdef CHECKED_MEMORY
u32 arena_block_size(const struct arena *a, const void *p)
{
	u32 at = (u32)(((uintptr_t)p - a->base) / GRANULE);

	return block_starts_at(a, at) ? (bitmap_next_set(a->last, at, a->nr_granules) + 1 - at) * GRANULE : 0;
}
#endif

u32 arena_used_blocks(const struct arena *a)
{
	return a->used_blocks;
}

u32 arena_used_bytes(const struct arena *a)
{
	return a->used_granules * GRANULE;
}

u32 arena_mapped_pages(const struct arena *a)
{
	return a->mapped_pages;
}

void arena_destroy(struct arena *a)
{
	if (!a)
		return;
	kfree(a->used);
	kfree(a);
}
