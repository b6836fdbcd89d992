/* Interrupt lines: who is attached to them. */
#include "entry/irq_line.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "smp/percpu.h"
#include "x86/atomic.h"
#include "x86/console.h"
#include "x86/panic.h"

struct irq_line irq_lines[MAX_LINES];
static u32 nr_gsis;			/* fixed after irq_init() */

static struct irq_record *to_action(struct entry *e)
{
	return container_of(e, struct irq_record, e);
}

/* -- the record ----------------------------------------------------------------------- */

/* No handler holds it masked any more. A stuck line waits for its next poll. Caller holds
 * registry_lock. */
static void resume_line(struct irq_line *line)
{
	if (!line->stalled || line->stuck || line_has_closed_action(line))
		return;
	line->stalled = false;
	line_set_masked(line, false);
}

static void irq_close(struct entry *e)
{
	WRITE_ONCE(to_action(e)->handler, irq_held);
}

/* Replays on the line's own CPU, where it cannot run beside itself. */
static void irq_reopen(struct entry *e)
{
	struct irq_record *a = to_action(e);
	struct irq_line *line = a->line;

	WRITE_ONCE(a->handler, a->driver);
	if (a->pending && !line->level)
		lapic_send(cpus[line->cpu]->apic_id, line_vector(line));
	a->pending = false;
	a->reopened = true;
	resume_line(line);
	if (line->stalled)
		line_poll(line);	/* for a neighbour that is closed still */
}

static const char *driver_name(const struct entry *e)
{
	return e->owner == &core_owner ? e->name : e->owner->name;
}

static void irq_unlink(struct entry *e)
{
	struct irq_record *a = to_action(e), **link;
	struct irq_line *line = a->line;
	u32 flags = spin_lock_irqsave(&registry_lock);

	for (link = &line->actions; *link != a; link = &(*link)->next)
		;
	store_release(link, a->next);
	resume_line(line);
	if (!line->stuck)	/* else it is known whose device it was */
		strlcpy(line->last_gone, driver_name(e), sizeof(line->last_gone));
	if (!line->actions) {
		line_set_masked(line, true);
		line->stuck = line->stalled = false;
	}
	spin_unlock_irqrestore(&registry_lock, flags);
}

static void irq_free(struct entry *e)
{
	kfree(to_action(e));
}

static void irq_describe(struct entry *e, char *buf, u32 size)
{
	struct irq_record *a = to_action(e);

	snprintf(buf, size, "irq %u %s%s", a->line->irq, e->name, a->pending ? ", pending" : "");
}

static const struct entry_ops irq_ops = {
	.kind = "irq",
	.close = irq_close,
	.reopen = irq_reopen,
	.unlink = irq_unlink,
	.free = irq_free,
	.describe = irq_describe,
};

/* -- lines -------------------------------------------------------------------------------- */

void irq_init(void)
{
	nr_gsis = ioapic_nr_gsis();
	for (struct irq_line *line = irq_lines; line < irq_lines + MAX_LINES; line++) {
		line->masked = true;
		ktimer_init(&line->poll, irq_poll);
		trap_set_handler(line_vector(line), irq_dispatch);
	}
}

struct irq_line *line_of_gsi(u32 gsi)
{
	ASSERT(spin_held(&registry_lock));
	for (struct irq_line *line = irq_lines; line < irq_lines + MAX_LINES; line++)
		if (line->routed && line->gsi == gsi)
			return line;
	return NULL;
}

/* Machines have up to a few hundred GSIs, few of them in use, so a line gets its vector when it is first
 * asked for. The low ones, which every PC has, get the one of their number. Caller holds registry_lock. */
static struct irq_line *free_line(u32 gsi)
{
	if (gsi < MAX_LINES && !irq_lines[gsi].routed)
		return &irq_lines[gsi];
	for (struct irq_line *line = irq_lines + MAX_LINES - 1; line >= irq_lines; line--)
		if (!line->routed)
			return line;
	return NULL;
}

/* The next CPU in turn, so that interrupts come in on all of them, that an I/O APIC can name:
 * it has 8 bits for that. The first CPU always can be. */
static u32 choose_cpu(void)
{
	static u32 last = NR_CPUS - 1;	/* under registry_lock */

	do {
		last = (last + 1) % NR_CPUS;
	} while (last && (!(cpus_online & CPU_BIT(last)) || cpus[last]->apic_id > 0xfe));
	return last;
}

/* Caller holds registry_lock. */
static struct irq_line *route_line(u32 irq)
{
	u32 gsi = irq_to_gsi(irq), cpu;
	struct irq_line *line = line_of_gsi(gsi);
	int err;

	if (line)
		return line;
	line = free_line(gsi);
	if (!line)
		return ERR_PTR(-ENOSPC);
	cpu = choose_cpu();
	err = ioapic_route(gsi, line_vector(line), cpus[cpu]->apic_id);
	if (err)
		return ERR_PTR(err);
	line->irq = irq;
	line->gsi = gsi;
	line->cpu = cpu;
	line->level = ioapic_is_level(gsi);
	line->routed = true;
	return line;
}

/* The line as a whole is free, or all its handlers share it. */
static bool may_share(const struct irq_line *line, u32 flags)
{
	return !line->actions || (line->actions->flags & flags & IRQF_SHARED);
}

/* Caller holds registry_lock. */
static int attach_action(struct irq_record *a, u32 irq, const char *name, u32 caller)
{
	const struct entry_part part[] = {
		{ "function", (u32)a->driver }, { "argument", (u32)a->arg }, ENTRY_MAKER(caller),
	};
	struct irq_line *line = route_line(irq);
	struct irq_record **link;
	int err;

	if (IS_ERR(line))
		return PTR_ERR(line);
	if (!may_share(line, a->flags))
		return -EBUSY;
	a->line = line;
	err = entry_add_locked(&a->e, &irq_ops, name, part, ARRAY_SIZE(part));
	if (err)
		return err;
	for (link = &line->actions; *link; link = &(*link)->next)
		;
	store_release(link, a);
	if (streq(line->last_gone, driver_name(&a->e)))
		line->last_gone[0] = '\0';
	if (line->stalled)
		line_poll(line);
	else
		line_set_masked(line, false);
	return 0;
}

struct irq_action *request_irq(u32 irq, irq_handler handler, u32 flags,
                               const char *name, void *arg)
{
	u32 caller = (u32)__builtin_return_address(0);
	u32 irq_flags;
	struct irq_record *a;
	int err;

	if (irq_to_gsi(irq) >= nr_gsis) {
		printk("irq %u for %s: this machine has lines 0 to %u\n", irq, name, nr_gsis - 1);
		return ERR_PTR(-EINVAL);
	}
	a = kzalloc(sizeof(*a));
	if (!a)
		return ERR_PTR(-ENOMEM);
	a->handler = a->driver = handler;
	a->arg = arg;
	a->flags = flags;
	irq_flags = spin_lock_irqsave(&registry_lock);
	err = attach_action(a, irq, name, caller);
	void *handle = err ? ERR_PTR(err) : entry_handle(&a->e);
	spin_unlock_irqrestore(&registry_lock, irq_flags);
	if (err)
		kfree(a);
	if (err == -ENOSPC)
		printk("irq %u for %s: all %u vectors of interrupt lines have been given out\n", irq, name, MAX_LINES);
	return handle;
}

int free_irq(struct irq_action *handle)
{
	return entry_destroy(handle, &irq_ops, (u32)__builtin_return_address(0));
}

static void set_masked_level(u32 irq, bool masked)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct irq_line *line = line_of_gsi(irq_to_gsi(irq));

	if (line && line->level && line->actions)
		line_set_masked(line, masked);
	spin_unlock_irqrestore(&registry_lock, flags);
}

void irq_mask_level(u32 irq)   { set_masked_level(irq, true); }
void irq_unmask_level(u32 irq) { set_masked_level(irq, false); }

/* -- for `irqs` ---------------------------------------------------------------------------- */

/* Caller holds registry_lock. */
static void fill_info(const struct irq_line *line, struct irq_info *out)
{
	out->irq = line->irq;
	out->gsi = line->gsi;
	out->vector = line_vector(line);
	out->cpu = line->cpu;
	out->count = READ_ONCE(line->count);
	out->unhandled = line->unhandled;
	out->masked = line->masked;
	out->polled = line->stuck;
	out->level = line->level;
	line_list_handlers(line, out->handlers, sizeof(out->handlers));
}

bool irq_nth(u32 i, struct irq_info *out)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool found = false;

	for (const struct irq_line *line = irq_lines; line < irq_lines + MAX_LINES && !found; line++)
		if (line->actions && !i--) {
			fill_info(line, out);
			found = true;
		}
	spin_unlock_irqrestore(&registry_lock, flags);
	return found;
}

u32 irq_lines_in_use(void)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	u32 n = 0;

	for (const struct irq_line *line = irq_lines; line < irq_lines + MAX_LINES; line++)
		n += line->actions != NULL;
	spin_unlock_irqrestore(&registry_lock, flags);
	return n;
}
