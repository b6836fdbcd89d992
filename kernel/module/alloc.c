#include "module/alloc.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "module/alloc_checked.h"
#include "module/arena.h"
#include "smp/spinlock.h"
#include "x86/console.h"
#include "x86/symbols.h"

/* Guards all arenas. It is taken around the core's heap and page tables. */
static struct spinlock heap_lock = SPINLOCK_IRQ("module heaps", RANK_HEAP - 1);

static int map_pages(u32 va, u32 pages)
{
	if (!checked_cover(va, pages * PAGE_SIZE))
		return -ENOMEM;
	return kmap_alloc(va, pages, PROT_RW);
}

int module_heap_init(struct module *m)
{
	m->arena = arena_create(m->owner.base + m->image_pages * PAGE_SIZE, MODULE_HEAP_SIZE,
	                        map_pages);
	return m->arena ? 0 : -ENOMEM;
}

u32 module_heap_pages(const struct module *m)
{
	return m->arena ? arena_mapped_pages(m->arena) : 0;
}

/* Caller holds heap_lock. */
static void count_blocks(struct module *m)
{
	m->nr_allocs = arena_used_blocks(m->arena) - checked_blocks(m);
	m->alloc_bytes = arena_used_bytes(m->arena) - checked_bytes(m);
}

static void *alloc_for(struct module *m, size_t size, u32 caller)
{
	u32 flags = spin_lock_irqsave(&heap_lock);
	/* An interrupt may have come while kmap.c held its lock. */
	void *p = checked_alloc(m, size, !in_interrupt(), caller);

	count_blocks(m);
	spin_unlock_irqrestore(&heap_lock, flags);
	return p;
}

/* The caller's own address tells whose heap it is. That address stays in this
 * range: the caller runs there, so its module cannot go meanwhile. */
noinline void *module_kmalloc(size_t size)
{
	struct owner *o = owner_of((u32)__builtin_return_address(0));

	if (o == &core_owner)
		return kzalloc(size);
	return alloc_for(container_of(o, struct module, owner), size,
	                 (u32)__builtin_return_address(0));
}

noinline void module_kfree(void *p)
{
	u32 caller = (u32)__builtin_return_address(0), flags;
	struct owner *o = owner_of((u32)p);
	struct module *m = container_of(o, struct module, owner);
	char where[64];
	bool freed = false;

	if (!p)
		return;
	if (o != &core_owner) {
		flags = spin_lock_irqsave(&heap_lock);
		freed = checked_free(m, p, caller);
		count_blocks(m);
		spin_unlock_irqrestore(&heap_lock, flags);
	}
	if (freed)
		return;
	symbolise(caller, where, sizeof(where));
	printk("kfree(%p) from %s: no block of a module begins there; freed twice?\n", p, where);
}
