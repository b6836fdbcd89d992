#include "lib/bitmap.h"
#include "mm/frame.h"
#include "mm/kmap.h"
#include "smp/ipi.h"
#include "smp/spinlock.h"
#include "x86/panic.h"

#define NR_SLOTS    (STACK_AREA_SIZE / STACK_SLOT)
#define STACK_PAGES (STACK_SIZE / PAGE_SIZE)

static struct spinlock stack_lock = SPINLOCK_IRQ("stacks", RANK_HEAP);
/* Under stack_lock. */
static BITMAP(slot_taken, NR_SLOTS);	/* slots whose stack is mapped, in use or cached */
static u32 next_slot;			/* where to look first */
static u32 cache;			/* free mapped stacks; each one's lowest word leads to the next */
static u32 nr_cached, nr_mapped;	/* mapped: in use or cached */

/* The stack lies at the top of its slot; the rest below it is the guard. */
static u32 slot_to_stack(u32 slot)  { return STACK_BASE + (slot + 1) * STACK_SLOT - STACK_SIZE; }
static u32 stack_to_slot(u32 stack) { return (stack - STACK_BASE) / STACK_SLOT; }

/* The cache's links are addresses of stacks, so a scan of a stack for pointers
 * into modules cannot mistake one. What else was on the stack stays there: a scan
 * begins at the stack pointer, and a new task starts at the top. */
static u32 cache_pop(void)
{
	u32 stack = cache;

	ASSERT(spin_held(&stack_lock));
	if (stack) {
		cache = *(u32 *)stack;
		nr_cached--;
	}
	return stack;
}

/* Caller holds stack_lock. NR_SLOTS: none left. */
static u32 claim_slot(void)
{
	u32 slot;

	ASSERT(spin_held(&stack_lock));
	slot = bitmap_next_clear(slot_taken, next_slot, NR_SLOTS);
	if (slot == NR_SLOTS)
		slot = bitmap_next_clear(slot_taken, 0, NR_SLOTS);
	if (slot < NR_SLOTS) {
		bitmap_set_run(slot_taken, slot, 1);
		next_slot = slot + 1;
		nr_mapped++;
	}
	return slot;
}

static void release_slot(u32 slot)
{
	u32 flags = spin_lock_irqsave(&stack_lock);

	bitmap_clear_run(slot_taken, slot, 1);
	nr_mapped--;
	spin_unlock_irqrestore(&stack_lock, flags);
}

u32 stack_alloc(void)
{
	u32 flags = spin_lock_irqsave(&stack_lock);
	u32 stack = cache_pop();
	u32 slot = stack ? 0 : claim_slot();

	spin_unlock_irqrestore(&stack_lock, flags);

	if (stack)
		return stack;
	if (slot == NR_SLOTS)
		return 0;
	if (kmap_alloc(slot_to_stack(slot), STACK_PAGES, PROT_RW)) {
		release_slot(slot);
		return 0;
	}
	return slot_to_stack(slot);
}

void stack_free(u32 base)
{
	u32 flags;

	ASSERT(base - STACK_BASE < STACK_AREA_SIZE && base == slot_to_stack(stack_to_slot(base)));
	flags = spin_lock_irqsave(&stack_lock);
	ASSERT(bitmap_test(slot_taken, stack_to_slot(base)));
	*(u32 *)base = cache;
	cache = base;
	nr_cached++;
	spin_unlock_irqrestore(&stack_lock, flags);
}

u32 stacks_in_use(void)
{
	u32 flags = spin_lock_irqsave(&stack_lock), n = nr_mapped - nr_cached;

	spin_unlock_irqrestore(&stack_lock, flags);
	return n;
}

u32 stack_cached(void) { return READ_ONCE(nr_cached); }
u32 stack_frames(void) { return READ_ONCE(nr_mapped) * STACK_PAGES; }

/* What a frame of a stack on its way out holds. */
struct leaving {
	paddr_t next;
	u32 slot;			/* to be released with this frame; NR_SLOTS: none */
};

/* Unmaps a stack and puts its frames in front of the chain. */
static paddr_t unmap_stack(u32 stack, paddr_t chain)
{
	paddr_t frame[STACK_PAGES];

	kmap_unmap(stack, STACK_PAGES, frame);
	for (u32 i = 0; i < STACK_PAGES; i++) {
		struct leaving *l = phys_to_virt(frame[i]);

		l->next = chain;
		l->slot = i == 0 ? stack_to_slot(stack) : NR_SLOTS;
		chain = frame[i];
	}
	return chain;
}

/* A stack beyond the first `keep` of the cache, taken out of it; 0: none. */
static u32 take_surplus(u32 keep)
{
	u32 flags = spin_lock_irqsave(&stack_lock);
	u32 stack = nr_cached > keep ? cache_pop() : 0;

	spin_unlock_irqrestore(&stack_lock, flags);
	return stack;
}

/* The frames, and the slots that are noted in them. */
static void free_chain(paddr_t chain)
{
	while (chain) {
		struct leaving l = *(struct leaving *)phys_to_virt(chain);

		if (l.slot < NR_SLOTS)
			release_slot(l.slot);
		frame_free(chain);
		chain = l.next;
	}
}

u32 stack_trim(u32 keep)
{
	u32 stack, trimmed = 0;
	paddr_t chain = 0;

	ASSERT(!in_interrupt());
	while ((stack = take_surplus(keep)) != 0) {
		chain = unmap_stack(stack, chain);
		trimmed++;
	}
	if (!trimmed)
		return 0;
	/* A CPU that did not answer may still write through its TLB: then neither the
	 * frames nor the addresses can ever be used again. */
	if (tlb_shootdown(STACK_BASE, STACK_BASE + STACK_AREA_SIZE))
		return 0;
	free_chain(chain);
	return trimmed;
}

/* A 128th of memory, and 512 KiB at most. */
static u32 worth_keeping(void) { return MIN(64u, frame_total() / 128 / STACK_PAGES); }

void stack_trim_surplus(void)
{
	u32 keep = worth_keeping();

	if (unlikely(stack_cached() > 2 * keep))
		(void)stack_trim(keep);
}
