/* Names for addresses in modules. Asked at a panic and in NMIs, so it takes no
 * lock: the list is changed by single stores, under modules_mutex, and a module
 * that was taken out is freed only after every CPU has answered an IPI.
 *
 *   CPU 0 (symbolise, interrupts off) | CPU 1 (unload)
 *   m = list                          |
 *                                     | list = m->next_named
 *   reads m's names                   | TLB shootdown: waits for CPU 0
 *   interrupts on: answers            |
 *                                     | kfree(m)
 *
 * A CPU inside an NMI answers no IPI either, and one that was stopped by a panic
 * never does: then nothing is freed (m->quarantined). */
#include "lib/format.h"
#include "lib/string.h"
#include "module/loading.h"
#include "x86/atomic.h"
#include "x86/paging.h"
#include "x86/panic.h"
#include "x86/symbols.h"

static struct module *named;

void symbolise_add(struct module *m)
{
	ASSERT(mutex_held(&modules_mutex));
	m->next_named = named;
	store_release(&named, m);
}

void symbolise_remove(struct module *m)
{
	struct module **link = &named;

	ASSERT(mutex_held(&modules_mutex));
	while (*link && *link != m)
		link = &(*link)->next_named;
	if (*link)
		store_release(link, m->next_named);	/* m's own link still leads readers on */
}

/* The last symbol that begins at or below `addr`. */
static const struct module_symbol *find_symbol(const struct module *m, u32 addr)
{
	u32 low = 0, high = READ_ONCE(m->nr_symbols);
	/* The graveyard may just have taken the table over: it keeps it until this CPU has answered (graveyard_fill()). */
	const struct module_symbol *table = READ_ONCE(m->symbol);

	while (table && low < high) {
		u32 mid = (low + high) / 2;

		if (table[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return table && low ? &table[low - 1] : NULL;
}

/* The image may just have been unmapped, while its names are still known. */
static void append_line(const struct module *m, u32 addr, char *buf, u32 size)
{
	const struct source_row *r;
	size_t used = strlen(buf);

	if (!load_acquire(&m->nr_lines) || kernel_translate((u32)m->lines) == ~0ull)
		return;
	r = source_row_at(m->lines, m->nr_lines, addr);
	if (r && r->line)
		snprintf(buf + used, size - used, " (%s:%u)", m->line_files[r->file], r->line);
}

static void describe(const struct module *m, u32 addr, char *buf, u32 size)
{
	u32 offset = addr - m->owner.base;
	const struct module_symbol *s = find_symbol(m, addr);

	if (offset >= m->image_pages * PAGE_SIZE)
		snprintf(buf, size, "heap+0x%x [%s]", offset - m->image_pages * PAGE_SIZE, m->owner.name);
	else if (s)
		snprintf(buf, size, "%s+0x%x [%s]", s->name, addr - s->addr, m->owner.name);
	else
		snprintf(buf, size, "image+0x%x [%s]", offset, m->owner.name);
}

struct module *module_at(u32 addr)
{
	struct module *m = load_acquire(&named);

	while (m && !owner_holds(&m->owner, addr))
		m = load_acquire(&m->next_named);
	return m;
}

bool module_symbolise(u32 addr, char *buf, u32 size)
{
	u32 flags = irq_save();
	const struct module *m = module_at(addr);

	if (m) {
		describe(m, addr, buf, size);
		append_line(m, addr, buf, size);
	}
	irq_restore(flags);
	return m != NULL;
}
