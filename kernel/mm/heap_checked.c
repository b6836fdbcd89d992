/* kmalloc() and kfree() of a checked build: each block has a red zone behind it, and what was freed
 * waits in quarantine (check/memory.h). */
#include "check/memory.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/heap_raw.h"
#include "smp/spinlock.h"
#include "x86/atomic.h"
#include "x86/paging.h"
#include "x86/panic.h"

#define QUARANTINE_BYTES (512u * 1024)
#define LARGEST          (1024u * PAGE_SIZE)

static struct spinlock quarantine_lock = SPINLOCK_IRQ("heap quarantine", RANK_HEAP);
static struct quarantine quarantine;	/* under quarantine_lock */
static u32 shadow_frames;		/* atomic */

/* -- shadow --------------------------------------------------------------------------- */

static void drop_shadow(void *page)
{
	frame_free(virt_to_phys(page));
	atomic_sub(&shadow_frames, 1);
}

static void *new_shadow(void)
{
	paddr_t frame = frame_alloc_uncounted();

	if (!frame)
		return NULL;
	atomic_add(&shadow_frames, 1);
	return memset(phys_to_virt(frame), 0, PAGE_SIZE);
}

bool heap_cover(u32 addr, u32 bytes) { return shadow_cover(addr, bytes, new_shadow, drop_shadow); }

bool heap_took(void *memory, u32 bytes)
{
	if (!heap_cover((u32)memory, bytes))
		return false;
	shadow_set((u32)memory, bytes, SHADOW_HEAP);
	return true;
}

void heap_returns(void *memory, u32 bytes) { shadow_set((u32)memory, bytes, 0); }

/* -- blocks --------------------------------------------------------------------------- */

static u32 block_size(u32 size) { return heap_block_size(ALIGN_UP(size, SHADOW_GRANULE) + RED_ZONE); }

/* Frees what is more than `keep` bytes in quarantine, from the oldest on. */
static void flush(u32 keep)
{
	for (;;) {
		u32 flags = spin_lock_irqsave(&quarantine_lock);
		struct block_record *r = quarantine_pop(&quarantine, keep, block_size);

		spin_unlock_irqrestore(&quarantine_lock, flags);
		if (!r)
			return;
		heap_put((u8 *)(r + 1) - block_size(r->size));
	}
}

static void *allocate(size_t size, u32 caller)
{
	u32 raw = ALIGN_UP((u32)size, SHADOW_GRANULE) + RED_ZONE;
	void *p;

	if (size > LARGEST - RED_ZONE)
		return NULL;
	p = heap_get(raw);
	if (!p && READ_ONCE(quarantine.blocks) && !alloc_fail_delivered()) {	/* a failure that was ordered is one */
		flush(0);
		p = heap_get(raw);
	}
	if (p)
		block_open(p, block_size((u32)size), (u32)size, caller);
	return p;
}

void *kmalloc(size_t size)
{
	return allocate(size, (u32)__builtin_return_address(0));
}

void *kzalloc(size_t size)
{
	void *p = allocate(size, (u32)__builtin_return_address(0));

	return p ? memset(p, 0, size) : NULL;
}

void kfree(void *p)
{
	u32 caller = (u32)__builtin_return_address(0), flags, size;

	if (!p)
		return;
	size = heap_size_at(p);
	if (!size || shadow_of((u32)p) == SHADOW_HEAP)
		panic("kfree(%p): it is not a block of the heap", p);
	flags = spin_lock_irqsave(&quarantine_lock);
	block_close(&quarantine, p, size, caller);
	spin_unlock_irqrestore(&quarantine_lock, flags);
	flush(QUARANTINE_BYTES);
}

/* -- the books: what is in quarantine is free ------------------------------------------- */

u32 heap_used_bytes(void)
{
	u32 flags = spin_lock_irqsave(&quarantine_lock);
	u32 bytes = heap_raw_bytes() - quarantine.bytes;

	spin_unlock_irqrestore(&quarantine_lock, flags);
	return bytes;
}

u32 heap_used_blocks(void)
{
	u32 flags = spin_lock_irqsave(&quarantine_lock);
	u32 blocks = heap_raw_blocks() - quarantine.blocks;

	spin_unlock_irqrestore(&quarantine_lock, flags);
	return blocks;
}

u32 heap_frames(void) { return heap_raw_frames() + READ_ONCE(shadow_frames); }
