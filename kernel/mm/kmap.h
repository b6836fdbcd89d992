/* Mappings in the kernel's quarter beyond the direct map: page tables are
 * made on demand and never given back. */
#pragma once
#include "lib/types.h"
#include "x86/paging.h"

void kmap_init(void);
/* Backs `pages` pages from `va` (page aligned, unmapped) with zeroed frames.
 * 0 or -ENOMEM (then nothing is mapped). May not be called in interrupts. */
int  kmap_alloc(u32 va, u32 pages, enum prot prot) must_use;
/* Changes protection of mapped pages; the caller shoots down TLBs if it takes
 * rights away. */
void kmap_protect(u32 va, u32 pages, enum prot prot);
/* Unmaps and writes the frames to `frames` (one per page, 0 where none was
 * mapped), without a shootdown and without freeing: the caller does both. */
void kmap_unmap(u32 va, u32 pages, paddr_t *frames);
/* Maps one given frame. 0 or -ENOMEM. */
int  kmap_frame(u32 va, paddr_t frame, enum prot prot) must_use;
/* Frames that went into page tables so far, for leak checks. */
u32  kmap_table_frames(void);

/* Kernel stacks: STACK_SIZE bytes above an unmapped guard. Stacks that were
 * freed stay mapped in a cache, last in first out, so that neither freeing nor
 * reusing one needs any TLB work. Returns the lowest usable address, 0: none.
 * May not be called in interrupts. */
u32  stack_alloc(void) must_use;
/* Any context; nobody runs on it any more. */
void stack_free(u32 base);
/* Gives the frames of all but `keep` cached stacks back, with one TLB shootdown.
 * Returns how many stacks went. May sleep: no; not in interrupts. */
u32  stack_trim(u32 keep);
/* Gives back what the cache has too many of, once it is worth a shootdown: a machine that had
 * thousands of tasks has their memory again. As stack_trim(). */
void stack_trim_surplus(void);
/* Stacks that tasks run on. */
u32  stacks_in_use(void);
/* Free stacks that are still mapped; frames of all stacks, these included. */
u32  stack_cached(void);
u32  stack_frames(void);
/* Is `addr` in the guard of a stack slot? (Explains a double fault.) */
static inline bool stack_is_guard(u32 addr)
{
	return addr - STACK_BASE < STACK_AREA_SIZE &&
	       (addr & (STACK_SLOT - 1)) < STACK_SLOT - STACK_SIZE;
}
