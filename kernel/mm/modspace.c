#include "mm/modspace.h"
#include "lib/bitmap.h"
#include "smp/spinlock.h"
#include "x86/panic.h"

#define NR_PAGES (MODULE_SIZE / PAGE_SIZE)

static struct spinlock modspace_lock = SPINLOCK("module addresses", RANK_KMAP);
/* Under modspace_lock. */
static BITMAP(reserved, NR_PAGES);
static u32 next_page = 1;	/* page 0 is never handed out: the guard before the first range */
static u32 used_pages;
static bool reuse_at_once;

/* Every range takes three pages more, the guard behind it; what lies before it is
 * then always another's guard, or free. Three, because an inspection looks for its
 * module with a page of margin on either side, and has the bounds of that range in
 * its own variables: with less between them, two that unload neighbours would take
 * each other for insiders. */
#define WITH_GUARD(pages) ((pages) + 3)

u32 modspace_reserve(u32 pages)
{
	u32 n = WITH_GUARD(pages), page;

	if (!pages || pages >= NR_PAGES)
		return 0;
	spin_lock(&modspace_lock);
	page = bitmap_find_clear_run(reserved, next_page, NR_PAGES, n);
	if (page == NR_PAGES)
		page = bitmap_find_clear_run(reserved, 1, NR_PAGES, n);
	if (page < NR_PAGES) {
		bitmap_set_run(reserved, page, n);
		next_page = page + n;
		used_pages += n;
	}
	spin_unlock(&modspace_lock);
	return page < NR_PAGES ? MODULE_BASE + page * PAGE_SIZE : 0;
}

void modspace_release(u32 va, u32 pages)
{
	u32 page = (va - MODULE_BASE) / PAGE_SIZE, n = WITH_GUARD(pages);

	ASSERT(modspace_holds(va) && !(va & (PAGE_SIZE - 1)) && pages < NR_PAGES - page);
	spin_lock(&modspace_lock);
	/* All of it must be reserved: an unload that gives a range back twice would
	 * give away another module's. */
	ASSERT(bitmap_next_clear(reserved, page, page + n) == page + n);
	bitmap_clear_run(reserved, page, n);
	used_pages -= n;
	if (reuse_at_once)
		next_page = page;
	spin_unlock(&modspace_lock);
}

void modspace_reuse_at_once(bool on)
{
	spin_lock(&modspace_lock);
	reuse_at_once = on;
	spin_unlock(&modspace_lock);
}

u32 modspace_used_pages(void)
{
	return READ_ONCE(used_pages);
}
