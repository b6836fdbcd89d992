#include "module/alloc_checked.h"
#include "lib/string.h"
#include "x86/panic.h"

#define QUARANTINE_BYTES (32u * 1024)	/* of each module; its heap has eight times that */

static u32 raw_size(u32 size) { return ALIGN_UP(ALIGN_UP(size, SHADOW_GRANULE) + RED_ZONE, 16u); }

static void flush(struct module *m, u32 keep)
{
	struct block_record *r;

	while ((r = quarantine_pop(&m->quarantine, keep, raw_size))) {
		u32 size = raw_size(r->size);
		void *raw = (u8 *)(r + 1) - size;

		shadow_set((u32)raw, size, SHADOW_HEAP);
		if (!arena_free(m->arena, raw))
			panic("module %s: the record of a block at %p is damaged", m->owner.name, raw);
	}
}

void *checked_alloc(struct module *m, size_t size, bool map_more, u32 caller)
{
	void *p;

	if (size > MODULE_HEAP_SIZE)
		return NULL;
	p = arena_alloc(m->arena, raw_size((u32)size), map_more);
	if (!p) {
		flush(m, 0);
		p = arena_alloc(m->arena, raw_size((u32)size), map_more);
	}
	if (p)
		block_open(p, raw_size((u32)size), (u32)size, caller);
	return p;
}

bool checked_free(struct module *m, void *p, u32 caller)
{
	u32 size = m->arena ? arena_block_size(m->arena, p) : 0;

	if (!size)
		return false;
	/* As arena_free() does, and now: quarantine is long, and an address that is left in it would
	 * count as kept. */
	if (!block_is_closed(p))
		memset(p, 0, size - RED_ZONE);
	block_close(&m->quarantine, p, size, caller);
	flush(m, QUARANTINE_BYTES);
	return true;
}

void checked_forget(struct module *m)
{
	u32 heap = m->owner.base + m->image_pages * PAGE_SIZE;

	shadow_set(heap, MODULE_HEAP_SIZE, 0);
}
