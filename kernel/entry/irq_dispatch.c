/* An interrupt on its way to the handlers of drivers. */
#include "entry/irq_line.h"
#include "entry/turnstile.h"
#include "smp/percpu.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/panic.h"

/* A level-triggered line that nobody silences comes back at once, for ever: a
 * line is masked when nearly all of this many interrupts were nobody's. */
#define STORM_WINDOW    10000u
#define STORM_TOLERATED 100u

void line_set_masked(struct irq_line *line, bool masked)
{
	ASSERT(spin_held(&registry_lock));
	if (line->masked == masked)
		return;
	line->masked = masked;
	if (masked)
		ioapic_mask(line_gsi(line));
	else
		ioapic_unmask(line_gsi(line));
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

/* -- a line that a closed handler's device keeps up ---------------------------------- */

/* The handler may not run: that would be a way into a module that is being inspected. Its
 * device cannot be silenced either: only its driver knows how. So the line is masked. But
 * its neighbours' devices pull the same line, and have done nothing to be kept waiting for
 * a module that may be going for an hour. So it is unmasked every millisecond: the
 * neighbours are served, and then, if the closed one's device still pulls, the line is
 * masked again. No interrupt is lost, as a level stays until it is served:
 *
 *	closed A's device	B's device	line	CPU
 *	up			-		up	unhandled: masks
 *	up			up		up
 *						up	1 ms: unmasks
 *	up			up		up	B's handler; its device is quiet
 *	up			-		up	unhandled: masks
 *	...
 *	up			-		up	A is open again, or gone: unmasks for good
 */
#define POLL_NS NSEC_PER_MSEC

void line_poll(struct irq_line *line)
{
	ASSERT(spin_held(&registry_lock));
	if (line_has_open_action(line))
		ktimer_arm(&line->poll, clock_ns() + POLL_NS);
}

void irq_poll(struct ktimer *timer)
{
	struct irq_line *line = container_of(timer, struct irq_line, poll);
	u32 flags = spin_lock_irqsave(&registry_lock);

	if (line->stalled && line_has_open_action(line)) {
		line->stalled = false;
		line_set_masked(line, false);
	}
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
	struct irq_line *line = &irq_lines[irq_to_gsi(irq)];
	u32 flags = spin_lock_irqsave(&registry_lock);
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
static void watch_for_storm(struct irq_line *line)
{
	u32 taken = line->count - line->window_count;
	u32 handled = taken - (line->unhandled - line->window_unhandled);

	if (taken < STORM_WINDOW)
		return;
	line->window_count = line->count;
	line->window_unhandled = line->unhandled;
	if (handled > STORM_TOLERATED || line->masked)
		return;
	line_set_masked(line, true);
	printk("irq %u: nobody cared for %u of the last %u interrupts; masked until a driver asks for it\n",
	       line->irq, taken - handled, taken);
}

/* No handler said that it was its device. Interrupts off, before the EOI. */
static noinline void nobody_cared(struct irq_line *line)
{
	u32 flags = spin_lock_irqsave(&registry_lock);

	line->unhandled++;
	if (line_has_closed_action(line)) {
		/* The device waits for a driver that is held back. An edge has been
		 * noted and is over; a level would interrupt again at once. */
		if (line->level) {
			line->stalled = true;
			line_set_masked(line, true);
			line_poll(line);
			/* These are no storm, however many they become. */
			line->window_count = line->count;
			line->window_unhandled = line->unhandled;
		}
	} else {
		watch_for_storm(line);
	}
	spin_unlock_irqrestore(&registry_lock, flags);
}

static always_inline bool handle(struct irq_record *a, u32 irq)
{
	irq_handler fn = READ_ONCE(a->handler);

	return fn(irq, a->arg) == IRQ_HANDLED;
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

	line->count++;
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
