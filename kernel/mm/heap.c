#include "mm/heap.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap_raw.h"
#include "mm/slab.h"
#include "smp/spinlock.h"
#include "x86/paging.h"
#include "x86/panic.h"

#define MAX_FRAMES 1024u	/* what frames_alloc() gives in a row */

/* Frame tags lead from an address to its block: 0 (not the heap's), a class of
 * small blocks (every frame of a slab), or the order of a large block (its first
 * frame only, so that a pointer into the middle of one is not taken for it). */
#define TAG_CLASS(index)  ((u8)(1 + (index)))
#define TAG_LARGE(order)  ((u8)(0x80 | (order)))
#define TAG_IS_LARGE(tag) ((tag) & 0x80)
#define TAG_ORDER(tag)    ((tag) & 0x7f)

#ifdef CHECKED_MEMORY
#define RAW				/* heap_checked.c calls them */
#else
#define RAW static inline
#endif

static struct spinlock heap_lock = SPINLOCK_IRQ("heap", RANK_HEAP);
/* Under heap_lock. */
static struct slab_class slab_class[SLAB_CLASSES];
static u32 large_frames, large_blocks;

void heap_init(void)
{
	for (u32 i = 0; i < SLAB_CLASSES; i++)
		slab_class_init(&slab_class[i], i);
}

static void tag_frames(void *memory, u32 n, u8 tag)
{
	for (u32 i = 0; i < n; i++)
		frame_set_tag(virt_to_phys(memory) + i * PAGE_SIZE, tag);
}

/* Gets a slab for the class. Caller holds heap_lock. */
static bool grow(struct slab_class *c)
{
	paddr_t frames;

	ASSERT(spin_held(&heap_lock));
	frames = frames_alloc(1u << c->order);
	if (!frames)
		return false;
	if (!heap_took(phys_to_virt(frames), slab_bytes(c))) {
		frames_free(frames, 1u << c->order);
		return false;
	}
	tag_frames(phys_to_virt(frames), 1u << c->order, TAG_CLASS(c->index));
	slab_add(c, phys_to_virt(frames));
	return true;
}

static void *alloc_small(size_t size)
{
	struct slab_class *c = &slab_class[slab_class_for(size)];
	u32 flags = spin_lock_irqsave(&heap_lock);
	void *p = slab_alloc(c);

	if (unlikely(!p) && grow(c))
		p = slab_alloc(c);
	spin_unlock_irqrestore(&heap_lock, flags);
	return p;
}

static u32 order_for(size_t size)
{
	u32 frames = (u32)((size + PAGE_SIZE - 1) / PAGE_SIZE);

	return frames == 1 ? 0 : 32 - (u32)__builtin_clz(frames - 1);
}

/* `sign` 1: a block of 2^order frames more; -1: one less. */
static void count_large(u32 order, int sign)
{
	u32 flags = spin_lock_irqsave(&heap_lock);

	large_frames += (u32)sign << order;
	large_blocks += (u32)sign;
	spin_unlock_irqrestore(&heap_lock, flags);
}

static void *alloc_large(size_t size)
{
	u32 order = order_for(size);
	paddr_t frames = frames_alloc(1u << order);

	if (!frames)
		return NULL;
	if (!heap_took(phys_to_virt(frames), PAGE_SIZE << order)) {
		frames_free(frames, 1u << order);
		return NULL;
	}
	frame_set_tag(frames, TAG_LARGE(order));
	count_large(order, 1);
	return phys_to_virt(frames);
}

RAW void *heap_get(size_t size)
{
	if (size > MAX_FRAMES * PAGE_SIZE)
		return NULL;
	if (size > SLAB_MAX)
		return alloc_large(size);
	return alloc_should_fail() ? NULL : alloc_small(size);
}

static void free_small(struct slab_class *c, void *p)
{
	u32 flags = spin_lock_irqsave(&heap_lock);
	void *unused;
	const char *wrong = slab_free(c, p, &unused);

	if (unused) {
		heap_returns(unused, slab_bytes(c));
		tag_frames(unused, 1u << c->order, 0);
		frames_free(virt_to_phys(unused), 1u << c->order);
	}
	spin_unlock_irqrestore(&heap_lock, flags);
	if (wrong)
		panic("kfree(%p): %s (blocks of %u bytes)", p, wrong, c->object_size);
}

static void free_large(u32 order, void *p)
{
	heap_returns(p, PAGE_SIZE << order);
#ifdef DEBUG
	memset(p, SLAB_POISON, PAGE_SIZE << order);
#endif
	frame_set_tag(virt_to_phys(p), 0);
	frames_free(virt_to_phys(p), 1u << order);
	count_large(order, -1);
}

RAW void heap_put(void *p)
{
	u8 tag;

	if (!p)
		return;
	tag = (u32)p < KERNEL_BASE ? 0 : frame_tag(virt_to_phys(p));
	if (tag && !TAG_IS_LARGE(tag))
		free_small(&slab_class[tag - TAG_CLASS(0)], p);
	else if (tag && !((u32)p & (PAGE_SIZE - 1)))
		free_large(TAG_ORDER(tag), p);
	else
		panic("kfree(%p): it is not a block of the heap, or free already", p);
}

#ifdef CHECKED_MEMORY
u32 heap_block_size(u32 size)
{
	return size > SLAB_MAX ? (u32)PAGE_SIZE << order_for(size) : slab_class[slab_class_for(size)].object_size;
}

u32 heap_size_at(void *p)
{
	u8 tag = (u32)p < KERNEL_BASE ? 0 : frame_tag(virt_to_phys(p));

	if (tag && !TAG_IS_LARGE(tag)) {
		const struct slab_class *c = &slab_class[tag - TAG_CLASS(0)];

		return (((u32)p & (slab_bytes(c) - 1)) - sizeof(struct slab)) & (c->object_size - 1) ? 0 : c->object_size;
	}
	return tag && !((u32)p & (PAGE_SIZE - 1)) ? (u32)PAGE_SIZE << TAG_ORDER(tag) : 0;
}

/* What heap_checked.c is below. */
#define heap_used_bytes  heap_raw_bytes
#define heap_used_blocks heap_raw_blocks
#define heap_frames      heap_raw_frames
#else
void *kmalloc(size_t size) { return heap_get(size); }

void *kzalloc(size_t size)
{
	void *p = kmalloc(size);

	return p ? memset(p, 0, size) : NULL;
}

void kfree(void *p) { heap_put(p); }
#endif

/* Sums are of one instant only with the lock held. */
u32 heap_used_bytes(void)
{
	u32 flags = spin_lock_irqsave(&heap_lock);
	u32 bytes = large_frames * PAGE_SIZE;

	for (u32 i = 0; i < SLAB_CLASSES; i++)
		bytes += slab_class[i].nr_used * slab_class[i].object_size;
	spin_unlock_irqrestore(&heap_lock, flags);
	return bytes;
}

u32 heap_used_blocks(void)
{
	u32 flags = spin_lock_irqsave(&heap_lock);
	u32 blocks = large_blocks;

	for (u32 i = 0; i < SLAB_CLASSES; i++)
		blocks += slab_class[i].nr_used;
	spin_unlock_irqrestore(&heap_lock, flags);
	return blocks;
}

u32 heap_frames(void)
{
	u32 flags = spin_lock_irqsave(&heap_lock);
	u32 frames = large_frames;

	for (u32 i = 0; i < SLAB_CLASSES; i++)
		frames += slab_class[i].nr_slabs << slab_class[i].order;
	spin_unlock_irqrestore(&heap_lock, flags);
	return frames;
}
