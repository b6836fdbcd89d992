#include "mm/kmap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "smp/spinlock.h"
#include "x86/panic.h"

/* Whoever maps or unmaps a range has that range for himself (modspace.c, stack.c);
 * the lock is for the page tables, which ranges share. */
static struct spinlock table_lock = SPINLOCK_IRQ("page tables", RANK_KMAP);
static u32 nr_tables;			/* under table_lock */

/* A PAE entry is written in two halves, and another CPU may walk the tables in
 * between, speculatively even where no code asks it to. So the half that makes an
 * entry valid or adds a right comes last, and the one that removes one first:
 *
 *   this CPU                          | any CPU
 *   high = address, NX                |
 *                                     | walks: P still clear, nothing cached
 *   low = address, P, W               | walks: complete
 */
static void pte_write_high(pte_t *pte, pte_t value)
{
	((volatile u32 *)pte)[1] = (u32)(value >> 32);
}

static void pte_write_low(pte_t *pte, pte_t value)
{
	((volatile u32 *)pte)[0] = (u32)value;
}

static void pte_set(pte_t *pte, pte_t value)
{
	ASSERT(!(*pte & PTE_P));
	pte_write_high(pte, value);
	pte_write_low(pte, value);
}

static pte_t pte_clear(pte_t *pte)
{
	pte_t old = *pte;

	pte_write_low(pte, 0);
	pte_write_high(pte, 0);
	return old;
}

/* The same frame with other rights: never writable and executable in between. */
static void pte_change(pte_t *pte, pte_t value)
{
	if (value & PTE_NX) {
		pte_write_high(pte, value);
		pte_write_low(pte, value);
	} else {
		pte_write_low(pte, value);
		pte_write_high(pte, value);
	}
}

static bool in_mapped_area(u32 va)
{
	return va - MODULE_BASE < MODULE_SIZE || va - STACK_BASE < STACK_AREA_SIZE;
}

void kmap_init(void)
{
	/* One page directory serves every address space, so a table entered there is
	 * seen by all at once; the areas must not share an entry with large pages. */
	_Static_assert(MODULE_BASE % LARGE_PAGE_SIZE == 0, "module area starts a page table");
	_Static_assert(STACK_BASE % LARGE_PAGE_SIZE == 0, "stack area starts a page table");
	ASSERT(!(*kernel_pde(MODULE_BASE) & PTE_P) && !(*kernel_pde(STACK_BASE) & PTE_P));
}

static int make_table(u32 va)
{
	paddr_t frame = frame_alloc();

	if (!frame)
		return -ENOMEM;
	memset(phys_to_virt(frame), 0, PAGE_SIZE);

	u32 flags = spin_lock_irqsave(&table_lock);
	if (!kernel_pte(va)) {
		/* Rights are those of the page table entries below. */
		pte_set(kernel_pde(va), frame | PTE_P | PTE_W | PTE_A);
		nr_tables++;
		frame = 0;
	}
	spin_unlock_irqrestore(&table_lock, flags);

	/* Another CPU was faster. */
	if (frame)
		frame_free(frame);
	return 0;
}

/* Sees to it that each page of the range has a page table entry. */
static int make_tables(u32 va, u32 pages)
{
	u32 last = va + pages * PAGE_SIZE - 1;

	for (u32 at = ALIGN_DOWN(va, LARGE_PAGE_SIZE); ; at += LARGE_PAGE_SIZE) {
		if (!kernel_pte(at) && make_table(at))
			return -ENOMEM;
		if (last - at < LARGE_PAGE_SIZE)
			return 0;
	}
}

static void check_range(u32 va, u32 pages)
{
	ASSERT(pages && !(va & (PAGE_SIZE - 1)));
	ASSERT(in_mapped_area(va) && in_mapped_area(va + pages * PAGE_SIZE - 1));
}

/* A chain of frames, each holding the address of the next in its first bytes. */
static paddr_t chain_pop(paddr_t *head)
{
	paddr_t frame = *head;

	*head = *(paddr_t *)phys_to_virt(frame);
	return frame;
}

static int chain_alloc(paddr_t *head, u32 n)
{
	for (*head = 0; n--; ) {
		paddr_t frame = frame_alloc();

		if (!frame)
			goto out_free;
		*(paddr_t *)phys_to_virt(frame) = *head;
		*head = frame;
	}
	return 0;

out_free:
	while (*head)
		frame_free(chain_pop(head));
	return -ENOMEM;
}

int kmap_alloc(u32 va, u32 pages, enum prot prot)
{
	paddr_t chain;
	pte_t rights = prot_to_pte(prot);

	check_range(va, pages);
	DEBUG_ASSERT(!in_interrupt());
	/* All that can fail comes first: once an entry is present, some CPU may have
	 * cached it, and to take it back would need a shootdown. */
	if (make_tables(va, pages) || chain_alloc(&chain, pages))
		return -ENOMEM;
	for (; pages--; va += PAGE_SIZE) {
		paddr_t frame = chain_pop(&chain);

		memset(phys_to_virt(frame), 0, PAGE_SIZE);
		pte_set(kernel_pte(va), frame | rights);
	}
	return 0;
}

int kmap_frame(u32 va, paddr_t frame, enum prot prot)
{
	check_range(va, 1);
	if (make_tables(va, 1))
		return -ENOMEM;
	pte_set(kernel_pte(va), frame | prot_to_pte(prot));
	return 0;
}

void kmap_protect(u32 va, u32 pages, enum prot prot)
{
	pte_t rights = prot_to_pte(prot);

	check_range(va, pages);
	for (; pages--; va += PAGE_SIZE) {
		pte_t *pte = kernel_pte(va);

		ASSERT(pte && *pte & PTE_P);
		pte_change(pte, (*pte & PTE_ADDR) | rights);
	}
}

void kmap_unmap(u32 va, u32 pages, paddr_t *frames)
{
	check_range(va, pages);
	for (; pages--; va += PAGE_SIZE) {
		pte_t *pte = kernel_pte(va);

		/* Noted first: who faults on the page at once finds its frame (graveyard). */
		*frames = pte && *pte & PTE_P ? *pte & PTE_ADDR : 0;
		barrier();
		if (*frames++)
			pte_clear(pte);
	}
}

u32 kmap_table_frames(void)
{
	return READ_ONCE(nr_tables);
}
