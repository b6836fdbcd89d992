#include "unload/graveyard.h"
#include "x86/atomic.h"
#include "lib/format.h"
#include "lib/math64.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "mm/modspace.h"
#include "smp/ipi.h"
#include "smp/spinlock.h"
#include "user/hardware.h"
#include "user/process.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/paging.h"
#include "x86/symbols.h"
#include "x86/trap.h"

#define PF_PRESENT 1u
#define PF_WRITE   2u
#define PF_FETCH   16u		/* only reported with NX on; SDM vol. 3, 4.7 */

#define USES_KEPT  16

struct grave {
	/* Fixed once dug. */
	u64 number;			/* 0: never used */
	char name[MODULE_NAME_LEN], unloader[TASK_NAME_LEN], strategy[16];
	u32 base, size;
	u64 died_at;
	char *names;
	struct module_symbol *symbol;	/* sorted by address */
	u32 nr_symbols, names_size;
	u32 text_start, text_size;

	/* Under grave_lock, as are the names from `settled` on. */
	bool settled;			/* no CPU looks at the names for a backtrace any more */
	struct freed_image image;	/* laboratory mode: what to map back */
	bool lent;			/* its frames are still the module's */
	bool haunted;			/* some of it was mapped back */
	u32 uses;
};

static struct spinlock grave_lock = SPINLOCK_IRQ("graveyard", RANK_LEAF);
static struct grave graves[GRAVEYARD_SIZE];	/* a ring; under grave_lock */
u64 last_grave;				/* number of the last one; its place is the rest */
static struct use_after_unload uses[USES_KEPT];	/* a ring; under grave_lock */
static u32 nr_uses;

bool graveyard_laboratory;

/* -- burial ------------------------------------------------------------------ */

/* Unmaps what was mapped back, which may be another's by now: a grave of an init section
 * does not keep its addresses. False: a CPU may still have it in its TLB. */
static bool lay_to_rest(const struct grave *g)
{
	u32 size = g->image.pages * PAGE_SIZE;
	paddr_t frame;

	for (u32 i = 0; i < g->image.pages; i++) {
		u32 va = g->base + i * PAGE_SIZE;
		if (g->image.frame[i] && kernel_translate(va) == g->image.frame[i])
			kmap_unmap(va, 1, &frame);
	}
	return !tlb_shootdown(g->base, g->base + size);
}

static void free_image(const struct freed_image *image)
{
	for (u32 i = 0; i < image->pages; i++) {
		if (image->frame[i])
			frame_free(image->frame[i]);
	}
	if (image->va)
		modspace_release(image->va, image->pages);
}

static u32 table_bytes(const struct grave *g)
{
	return g->symbol ? g->names_size + g->nr_symbols * sizeof(g->symbol[0]) : 0;
}

static u32 bytes_of_tables;		/* atomic: of all that are kept, and of those about to be freed */

/* The oldest grave makes room: its addresses may be handed out again, unless a CPU did
 * not answer: then they stay set aside with their frames. Not in interrupts. */
static void clear_grave(struct grave *g)
{
	if (g->lent) {
		/* Whose they are unmaps them. */
	} else if (g->image.frame && (!g->haunted || lay_to_rest(g))) {
		free_image(&g->image);
	}
	if (!g->lent)
		kfree(g->image.frame);
	if (g->symbol)
		atomic_sub(&bytes_of_tables, table_bytes(g));
	kfree(g->names);
	kfree(g->symbol);
	memset(g, 0, sizeof(*g));
}

/* Begins `g`, which nobody sees yet; sets the range. */
static struct grave describe(const struct module *m, const char *unloader, const char *strategy_name,
                             u32 base, u32 size)
{
	struct grave g = {
		.base = base, .size = size, .died_at = clock_ns(),
		.text_start = m->owner.base + m->part_start[PART_TEXT] * PAGE_SIZE,
		.text_size = m->part_pages[PART_TEXT] * PAGE_SIZE,
	};

	strlcpy(g.name, m->owner.name, sizeof(g.name));
	strlcpy(g.unloader, unloader, sizeof(g.unloader));
	strlcpy(g.strategy, strategy_name, sizeof(g.strategy));
	return g;
}

static struct grave *place_of(u64 number) { return &graves[number % GRAVEYARD_SIZE]; }

static u64 dig(struct grave *new)
{
	struct grave old;

	u32 flags = spin_lock_irqsave(&grave_lock);
	u64 number = new->number = ++last_grave;
	struct grave *g = place_of(number);
	old = *g;
	*g = *new;
	spin_unlock_irqrestore(&grave_lock, flags);
	clear_grave(&old);
	return number;
}

u64 graveyard_dig(struct module *m, const char *unloader, const char *strategy_name)
{
	struct grave new = describe(m, unloader, strategy_name, m->owner.base, m->owner.size);

	new.names = m->names;
	new.symbol = m->symbol;
	new.nr_symbols = m->nr_symbols;
	new.names_size = m->names_size;
	atomic_add(&bytes_of_tables, table_bytes(&new));
	u64 number = dig(&new);
	m->names = NULL;
	m->symbol = NULL;
	m->nr_symbols = 0;
	return number;
}

u64 graveyard_dig_init(struct module *m, const char *strategy_name)
{
	u32 start = m->part_start[PART_INIT_TEXT];
	struct grave new = describe(m, current->name, strategy_name, m->owner.base + start * PAGE_SIZE,
	                            module_init_pages(m) * PAGE_SIZE);
	u32 len = strlen(new.name);

	snprintf(new.name + len, sizeof(new.name) - len, ", init");
	new.text_start = new.base;
	new.text_size = m->part_pages[PART_INIT_TEXT] * PAGE_SIZE;
	return dig(&new);
}

void graveyard_clear(void)
{
	struct grave old;

	/* From the oldest on: an init section before its module, which has the addresses. */
	for (u32 i = 0; i < GRAVEYARD_SIZE; i++) {
		u32 flags = spin_lock_irqsave(&grave_lock);
		struct grave *g = place_of(last_grave + 1 + i);
		old = *g;
		memset(g, 0, sizeof(*g));
		spin_unlock_irqrestore(&grave_lock, flags);
		clear_grave(&old);
	}
}

/* -- giving up ----------------------------------------------------------------- */

static bool is_short(u32 part)
{
	return frame_available() < frame_total() / part;
}

/* Moves what the oldest grave has of names, or of pages, to *out. False: none has any. Caller holds grave_lock. */
static bool take_from_oldest(bool pages, struct grave *out)
{
	for (u32 i = 0; i < GRAVEYARD_SIZE - (u32)pages; i++) {
		struct grave *g = place_of(last_grave + 1 + i);

		if (!g->number || !g->settled || (pages ? !g->image.frame : !g->symbol))
			continue;
		*out = (struct grave){ .base = g->base, .haunted = g->haunted };
		if (pages) {
			out->image = g->image;
			g->image = (struct freed_image){ 0 };
			g->haunted = false;
		} else {
			out->names = g->names;
			out->symbol = g->symbol;
			out->nr_symbols = g->nr_symbols;
			out->names_size = g->names_size;
			g->names = NULL;
			g->symbol = NULL;
			g->nr_symbols = 0;
		}
		return true;
	}
	return false;
}

/* See GRAVEYARD_SHARE. Not in interrupts. */
static void give_up(void)
{
	u32 most = frame_total() / GRAVEYARD_SHARE * PAGE_SIZE;
	struct grave part;
	bool found = true;

	while (found) {
		bool names = is_short(NAMES_SHORT) || READ_ONCE(bytes_of_tables) > most, pages = is_short(PAGES_SHORT);

		if (likely(!names && !pages))
			return;
		u32 flags = spin_lock_irqsave(&grave_lock);
		found = (names && take_from_oldest(false, &part)) || (pages && take_from_oldest(true, &part));
		spin_unlock_irqrestore(&grave_lock, flags);
		if (found)
			clear_grave(&part);
	}
}

/* False: it has made room since for another, which is not to get these.
 *
 *	CPU 0 (unloads A)		CPU 1 (unloads others)
 *	digs grave 7 for A
 *	A's notifiers take their time
 *					digs 8 to 39: 39 takes the place of 7
 *	fills grave 7: there is none */
static bool lay_in(u64 number, const struct freed_image *image, bool lent)
{
	u32 flags = spin_lock_irqsave(&grave_lock);
	struct grave *g = place_of(number);
	bool there = g->number == number;

	if (there) {
		g->image = *image;
		g->lent = lent;
		g->settled = !lent;
	}
	spin_unlock_irqrestore(&grave_lock, flags);
	return there;
}

void graveyard_lend(u64 number, const struct freed_image *image)
{
	(void)lay_in(number, image, true);
}

void graveyard_fill(u64 number, struct freed_image *image)
{
	/* While they were lent a page may have been mapped back. */
	struct grave gone = { .base = image->va, .image = *image };

	if (!lay_in(number, image, false) && image->frame) {
		if (!image->va || lay_to_rest(&gone))
			free_image(image);
		kfree(image->frame);
	}
	*image = (struct freed_image){ 0 };
	give_up();
}

/* -- a late use ----------------------------------------------------------------- */

/* The latest grave that holds `addr`: caller holds grave_lock. */
static struct grave *grave_of(u32 addr)
{
	struct grave *latest = NULL;

	for (u32 i = 0; i < GRAVEYARD_SIZE; i++) {
		struct grave *g = &graves[i];
		if (g->number && addr - g->base < g->size && (!latest || g->number > latest->number))
			latest = g;
	}
	return latest;
}

static void name_address(const struct grave *g, u32 addr, char *buf, u32 size)
{
	const struct module_symbol *best = NULL;

	for (u32 i = 0; i < g->nr_symbols && g->symbol[i].addr <= addr; i++)
		best = &g->symbol[i];
	if (best)
		snprintf(buf, size, "%s+0x%x [%s]", best->name, addr - best->addr, g->name);
	else
		snprintf(buf, size, "0x%x in [%s]", addr - g->base, g->name);
}

static enum use_kind kind_of(const struct regs *regs, u32 addr)
{
	/* Without NX the CPU does not say "fetch", but then EIP is the address. */
	if ((regs->error & PF_FETCH) || regs->eip == addr)
		return USE_FETCH;
	return regs->error & PF_WRITE ? USE_WRITE : USE_READ;
}

static const char *const kind_names[] = { "reads", "writes", "executes" };

static void record_use(struct grave *g, const struct regs *regs, u32 addr,
                       struct use_after_unload *use)
{
	*use = (struct use_after_unload){
		.kind = kind_of(regs, addr), .cpu = this_cpu()->id, .task_id = current->id,
		.eip = regs->eip, .addr = addr, .at = clock_ns(),
	};
	strlcpy(use->task_name, current->name, sizeof(use->task_name));
	strlcpy(use->module, g->name, sizeof(use->module));
	strlcpy(use->unloader, g->unloader, sizeof(use->unloader));
	name_address(g, addr, use->where, sizeof(use->where));
	if (regs->eip - g->base < g->size)
		name_address(g, regs->eip, use->eip_where, sizeof(use->eip_where));
	else
		symbolise(regs->eip, use->eip_where, sizeof(use->eip_where));
	g->uses++;
	uses[nr_uses++ % USES_KEPT] = *use;
}

static void print_use(const struct use_after_unload *use, u64 died_at)
{
	u32 ms = (u32)div_u64(use->at - died_at, NSEC_PER_MSEC);

	printk("use after unload: task %u (%s) on CPU %u %s %s, from %s; %s was unloaded by %s %u ms before\n",
	       use->task_id, use->task_name, use->cpu, kind_names[use->kind], use->where,
	       use->eip_where, use->module, use->unloader, ms);
}

/* Maps the touched page back so that the culprit can walk out. W^X holds even
 * here: text to execute, anything else to write. Caller holds grave_lock. */
static bool resurrect_page(struct grave *g, u32 addr)
{
	u32 page = (addr - g->base) / PAGE_SIZE;

	if (!g->image.frame || page >= g->image.pages || !g->image.frame[page])
		return false;
	/* Two may fault on one page at once: the second finds it back. */
	pte_t *pte = kernel_pte(addr);
	if (pte && *pte & PTE_P)
		return true;
	g->haunted = true;
	bool text = addr - g->text_start < g->text_size;
	return kmap_frame(ALIGN_DOWN(addr, PAGE_SIZE), g->image.frame[page],
	                  text ? PROT_RX : PROT_RW) == 0;
}

static bool may_kill_current(const struct regs *regs)
{
	return !in_interrupt() && !this_cpu_read(preempt_count) && (regs->eflags & EFLAGS_IF) &&
	       current->id != 0 && !current->must_return;
}

/* Where the probe reads, and where it goes on when it cannot. */
extern const char probe_reads[], probe_ends[];

noinline bool graveyard_probe_words(const u32 *from, u32 *to, u32 n)
{
	u32 done = 0;

	__asm__ volatile("probe_reads: rep movsl\n\t"
	                 "movl $1, %0\n"
	                 "probe_ends:"
	                 : "+r"(done), "+S"(from), "+D"(to), "+c"(n) : : "memory");
	return done;
}

bool graveyard_probe(const volatile u32 *p, u32 *word)
{
	return graveyard_probe_words((const u32 *)p, word, 1);
}

/* Any context but NMI. */
static bool on_fault(struct regs *regs, u32 addr)
{
	struct use_after_unload use;
	bool walks_out;

	if (regs->vector == TRAP_PF && regs->eip == (u32)probe_reads) {
		regs->eip = (u32)probe_ends;
		return true;
	}
	if (regs->vector != TRAP_PF || !modspace_holds(addr) || (regs->error & PF_PRESENT))
		return false;
	u32 flags = spin_lock_irqsave(&grave_lock);
	struct grave *g = grave_of(addr);
	if (!g) {
		spin_unlock_irqrestore(&grave_lock, flags);
		return false;
	}
	record_use(g, regs, addr, &use);
	walks_out = graveyard_laboratory && resurrect_page(g, addr);
	u64 died_at = g->died_at;
	spin_unlock_irqrestore(&grave_lock, flags);

	print_use(&use, died_at);
	if (walks_out)
		return true;
	if (!may_kill_current(regs))
		return false;		/* the panic that follows shows the rest */
	printk("task %u (%s) is killed for it\n", use.task_id, use.task_name);
	if (!device_call_ends(regs))
		regs->eip = (u32)(current->user ? thread_exit : task_exit);
	return true;
}

/* -- views ------------------------------------------------------------------------ */

void graveyard_init(void)
{
	trap_set_fault_hook(FAULT_GRAVEYARD, on_fault);
}

u32 graveyard_uses(void)
{
	return READ_ONCE(nr_uses);
}

bool graveyard_use_nth(u32 i, struct use_after_unload *out)
{
	u32 flags = spin_lock_irqsave(&grave_lock);
	bool there = i < MIN(nr_uses, (u32)USES_KEPT);
	if (there)
		*out = uses[(nr_uses - 1 - i) % USES_KEPT];
	spin_unlock_irqrestore(&grave_lock, flags);
	return there;
}

bool graveyard_peek(u32 i, struct grave_info *out)
{
	const struct grave *g = place_of(last_grave - i);

	if (i >= MIN(last_grave, (u64)GRAVEYARD_SIZE) || !g->number)
		return false;
	*out = (struct grave_info){
		.base = g->base, .size = g->size, .uses = g->uses,
		.died_at = g->died_at, .kept = g->image.frame != NULL,
	};
	strlcpy(out->name, g->name, sizeof(out->name));
	strlcpy(out->unloader, g->unloader, sizeof(out->unloader));
	strlcpy(out->strategy, g->strategy, sizeof(out->strategy));
	return true;
}

bool graveyard_nth(u32 i, struct grave_info *out)
{
	u32 flags = spin_lock_irqsave(&grave_lock);
	bool there = graveyard_peek(i, out);

	spin_unlock_irqrestore(&grave_lock, flags);
	return there;
}
