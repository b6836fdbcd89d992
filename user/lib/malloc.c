/* First fit in a list of free blocks, in order of their addresses so that neighbours are
 * joined again (Knuth, "The Art of Computer Programming", vol. 1, 2.5). */
#include "user/lib/malloc.h"
#include "lib/string.h"

#define PAGE       4096u
#define GROW_PAGES 16u		/* asked of the kernel at once */

struct block {
	u32 size;		/* with this header */
	struct block *next;	/* while free */
};

static struct block *first_free;

static bool touch(const struct block *a, const struct block *b)
{
	return b && (uintptr_t)a + a->size == (uintptr_t)b;
}

static void insert(struct block *b)
{
	struct block **at = &first_free, *before = NULL;

	while (*at && *at < b) {
		before = *at;
		at = &(*at)->next;
	}
	b->next = *at;
	*at = b;
	if (touch(b, b->next)) {
		b->size += b->next->size;
		b->next = b->next->next;
	}
	if (before && touch(before, b)) {
		before->size += b->size;
		before->next = b->next;
	}
}

/* Cuts `size` bytes out of the first block that has them. */
static struct block *take(u32 size)
{
	for (struct block **at = &first_free; *at; at = &(*at)->next) {
		struct block *b = *at;
		if (b->size < size)
			continue;
		if (b->size < size + 2 * sizeof(*b)) {
			*at = b->next;
			return b;
		}
		b->size -= size;
		b = (struct block *)((uintptr_t)b + b->size);
		b->size = size;
		return b;
	}
	return NULL;
}

void *malloc(size_t wanted)
{
	u32 size = ALIGN_UP((u32)wanted + (u32)sizeof(struct block), 8u);

	if (size < wanted)
		return NULL;
	struct block *b = take(size);
	if (!b) {
		u32 pages = MAX((size - 1) / PAGE + 1, GROW_PAGES);
		b = pages_alloc(pages);
		if (!b)
			return NULL;
		b->size = pages * PAGE;
		insert(b);
		b = take(size);
	}
	return b + 1;
}

void *zalloc(size_t size)
{
	void *p = malloc(size);

	return p ? memset(p, 0, size) : NULL;
}

void free(void *p)
{
	if (p)
		insert((struct block *)p - 1);
}
