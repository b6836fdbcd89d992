/* An interrupt on its way to the handlers of drivers. */
#include "entry/call_check.h"
#include "entry/irq_line.h"
#include "entry/turnstile.h"
#include "lib/format.h"
#include "smp/percpu.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/panic.h"

/* A level-triggered line that no handler silences comes back at once, for ever: a line is stuck
 * when nearly all of this many interrupts were unhandled. (The numbers are Linux's,
 * note_interrupt() in kernel/irq/spurious.c.) */
#define STORM_WINDOW    10000u
#define STORM_TOLERATED 100u

void line_set_masked(struct irq_line *line, bool masked)
{
	ASSERT(spin_held(&registry_lock));
	if (line->masked == masked)
		return;
	line->masked = masked;
	if (masked)
		ioapic_mask(line->gsi);
	else
		ioapic_unmask(line->gsi);
}

bool line_has_closed_action(const struct irq_line *line)
{
	for (const struct irq_record *a = line->actions; a; a = a->next)
		if (a->e.closed)
			return true;
	return false;
}

static bool line_has_open_action(const struct irq_line *line)
{
	for (const struct irq_record *a = line->actions; a; a = a->next)
		if (!a->e.closed)
			return true;
	return false;
}

void line_list_handlers(const struct irq_line *line, char *buf, u32 size)
{
	u32 len = 0;

	buf[0] = '\0';
	for (const struct irq_record *a = line->actions; a && len < size; a = a->next)
		len += snprintf(buf + len, size - len, "%s%s", len ? ", " : "", a->e.name);
}

/* -- a line that some device keeps up ------------------------------------------------ */

/* There are two kinds. The handler of a module that is GOING may not run: that would be a way
 * into a module that is being inspected. Or the driver is gone and its device is not silent:
 * its init failed, or it was killed (the line is stuck). Only the driver knows how to silence
 * the device, so the line is masked. But the neighbours' devices pull the same line, and must
 * not wait for a module that may be going for an hour, or is never loaded again. So the line is
 * unmasked every millisecond: the neighbours are served, and then, if the device still pulls,
 * it is masked again. No interrupt is lost, as a level stays until it is served:
 *
 *	closed A's device	B's device	line	CPU
 *	up			-		up	unhandled: masks
 *	up			up		up
 *						up	1 ms: unmasks
 *	up			up		up	B's handler; its device is quiet
 *	up			-		up	unhandled: masks
 *	...
 *	up			-		up	A is open again, or gone: unmasks for good
 *
 * A stuck line is unmasked permanently when it has been silent for SILENT_NS. An edge that comes
 * while the line is masked is lost (Intel 82093AA, 3.2.4: the mask bit), so the vector of an
 * edge-triggered line is raised as well when it is unmasked: all handlers look at their devices. */
#define POLL_NS   NSEC_PER_MSEC
#define SILENT_NS (100 * NSEC_PER_MSEC)

void line_poll(struct irq_line *line)
{
	ASSERT(spin_held(&registry_lock));
	if (line_has_open_action(line))
		ktimer_arm(&line->poll, clock_ns() + POLL_NS);
}

/* Masks the line until the next poll, or until what keeps it up is gone. Caller holds
 * registry_lock. */
static void stall(struct irq_line *line)
{
	line->stalled = true;
	line_set_masked(line, true);
	line_poll(line);
	/* These are no storm, however many they become. */
	line->window_count = READ_ONCE(line->count);
	line->window_unhandled = line->unhandled;
}

/* Caller holds registry_lock. */
static void unstall(struct irq_line *line)
{
	line->stalled = false;
	line_set_masked(line, false);
	if (!line->stuck)
		return;
	if (!line->level) {
		line->raised = true;
		lapic_send(cpus[line->cpu]->apic_id, line_vector(line));
	}
	ktimer_arm(&line->poll, clock_ns() + SILENT_NS);
}

/* Caller holds registry_lock. */
static void fell_silent(struct irq_line *line)
{
	line->stuck = false;
	line->window_count = READ_ONCE(line->count);
	line->window_unhandled = line->unhandled;
	printk("irq %u is silent again and no longer polled\n", line->irq);
}

void irq_poll(struct ktimer *timer)
{
	struct irq_line *line = container_of(timer, struct irq_line, poll);
	u32 flags = spin_lock_irqsave(&registry_lock);

	if (line->stalled && line_has_open_action(line))
		unstall(line);
	else if (line->stuck && !line->masked)
		fell_silent(line);
	spin_unlock_irqrestore(&registry_lock, flags);
}

/* -- on an interrupt --------------------------------------------------------------- */

/* The stub of a closed handler. That may have been opened again meanwhile:
 *
 *   CPU 0 (interrupt)                 CPU 1 (roll-back, registry_lock)
 *   fn = a->handler: irq_held
 *                                     a->handler = driver; nothing pending
 *   lock: a was reopened, so raise
 *   the vector again on this CPU
 *
 * Interrupts off. */
enum irq_result irq_held(u32 irq, void *arg)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct irq_line *line = line_of_gsi(irq_to_gsi(irq));	/* routed: it has this handler */
	bool again = false;

	(void)arg;
	for (struct irq_record *a = line->actions; a; a = a->next) {
		if (a->e.closed)
			a->pending = true;
		else if (a->reopened)
			again = true;
		a->reopened = false;
	}
	/* A level-triggered line comes back by itself. */
	if (again && !line->level)
		lapic_send_self(line_vector(line));
	spin_unlock_irqrestore(&registry_lock, flags);
	return IRQ_NONE;
}

/* Caller holds registry_lock. */
static void say_stuck(const struct irq_line *line, u32 unhandled, u32 taken)
{
	char handlers[64];

	line_list_handlers(line, handlers, sizeof(handlers));
	printk("irq %u: no driver served %u of the last %u interrupts: the line is polled each millisecond for %s "
	       "until it is silent; load %s to silence its device\n", line->irq, unhandled, taken, handlers,
	       line->last_gone[0] ? line->last_gone : "the driver that is missing");
}

/* Caller holds registry_lock. */
static void watch_for_storm(struct irq_line *line)
{
	u32 taken = line->count - line->window_count;
	u32 handled = taken - (line->unhandled - line->window_unhandled);

	if (taken < STORM_WINDOW)
		return;
	line->window_count = line->count;
	line->window_unhandled = line->unhandled;
	if (handled > STORM_TOLERATED || line->masked || !line->actions)
		return;
	line->stuck = true;
	say_stuck(line, taken - handled, taken);
	stall(line);
}

/* No handler said that it was its device. Interrupts off, before the EOI. */
static noinline void nobody_cared(struct irq_line *line)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool raised = line->raised;

	line->raised = false;
	line->unhandled++;
	/* The device waits for a driver that is held back. An edge has been noted and is over;
	 * a level would interrupt again at once. */
	if (line_has_closed_action(line)) {
		if (line->level)
			stall(line);
	} else if (!line->stuck) {
		watch_for_storm(line);
	} else if (!raised && line->actions) {
		stall(line);
	}
	spin_unlock_irqrestore(&registry_lock, flags);
}

static always_inline bool handle(struct irq_record *a, u32 irq)
{
	irq_handler fn = READ_ONCE(a->handler);

	struct call_check c = call_check_begin();
	bool handled = fn(irq, a->arg) == IRQ_HANDLED;

	(void)call_check_end(c, "interrupt handler", fn);
	return handled;
}

static noinline bool handle_counted(struct irq_record *a, u32 irq)
{
	const struct turnstile *ts = turnstile_enter(a->e.slot);
	bool handled = handle(a, irq);

	turnstile_leave(ts, a->e.slot);
	return handled;
}

/* Runs with interrupts off from the first to the last action, and the CPU answers
 * no IPI before it is out. So a round of IPIs after an unlink finds nobody who
 * still stands at the record:
 *
 *   CPU 0 (interrupt)                 CPU 1 (free_irq)
 *   a = line->actions: A
 *                                     line->actions = A->next, A->next kept
 *   A's handler; a = A->next          sends IPIs, waits
 *   iret, answers
 *                                     frees A
 *
 * The EOI comes last: a level-triggered line must be silenced by its device
 * first, and the next edge of an edge-triggered one is latched in the local
 * APIC's IRR meanwhile (Intel SDM vol. 3, 10.8.4), so both are served right. */
void irq_dispatch(struct regs *regs)
{
	struct irq_line *line = &irq_lines[regs->vector - VECTOR_IOAPIC_BASE];
	u32 irq = line->irq;
	bool handled = false;

	add_once(line->count, 1u);
	this_cpu_inc(irq_count);
	for (struct irq_record *a = load_acquire(&line->actions); a; a = load_acquire(&a->next)) {
		if (unlikely(READ_ONCE(turnstile)))
			handled |= handle_counted(a, irq);
		else
			handled |= handle(a, irq);
	}
	if (unlikely(!handled))
		nobody_cared(line);
	lapic_eoi();
}
