/* What the files about interrupts share: a line, and the handlers on it. */
#pragma once
#include "entry/irq.h"
#include "sched/ktimer.h"
#include "x86/apic.h"
#include "x86/trap.h"

#define MAX_LINES (VECTOR_IOAPIC_LAST - VECTOR_IOAPIC_BASE + 1)

struct irq_line;

struct irq_record {
	struct entry e;
	/* The driver's, or irq_held(). Under registry_lock; dispatch reads it once. */
	irq_handler handler;
	struct irq_record *next;	/* kept by unlink(): somebody may stand here */

	/* Fixed. */
	irq_handler driver;
	void *arg;
	u32 flags;
	struct irq_line *line;

	/* Under registry_lock. */
	bool pending;			/* an interrupt came while it was closed */
	bool reopened;			/* a dispatch may have met the stub just before */
};

struct irq_line {
	/* Published with release, walked by dispatch without a lock. */
	struct irq_record *actions;

	/* Fixed while it has actions. */
	u32 irq;			/* the driver's number for it */
	u32 gsi;			/* from the time that it is routed, for ever */
	bool level;

	/* The CPU that it is routed to writes it. */
	u32 count;

	/* Under registry_lock. */
	u32 cpu;
	u32 unhandled;
	u32 window_count, window_unhandled;	/* when the storm watch last looked */
	bool routed;
	bool masked;
	bool stalled;			/* masked until its closed handlers open or go, or the next poll */
	bool stuck;			/* a device that no driver serves keeps it up: polled until silent */
	bool raised;			/* a poll raised the vector; a device did not */
	char last_gone[24];		/* whose handler was the last to be taken off it */
	struct ktimer poll;
} aligned(64);

extern struct irq_line irq_lines[MAX_LINES];	/* by vector */

static inline u8  line_vector(const struct irq_line *line) { return (u8)(VECTOR_IOAPIC_BASE + (line - irq_lines)); }
static inline u32 irq_to_gsi(u32 irq) { return irq < 16 ? ioapic_isa_to_gsi(irq) : irq; }

/* -- irq.c -------------------------------------------------------------------- */
/* The line that a GSI is routed to; NULL: none yet. Caller holds registry_lock. */
struct irq_line *line_of_gsi(u32 gsi);

/* -- irq_dispatch.c ----------------------------------------------------------- */
/* From the vectors of all lines. */
void irq_dispatch(struct regs *regs);
/* The function of line->poll. */
void irq_poll(struct ktimer *timer);
/* Where a closed handler's interrupts lead. */
enum irq_result irq_held(u32 irq, void *arg);
/* These for holders of registry_lock. */
/* Gives the open handlers of a stalled line a chance now and then, if it has any. */
void line_poll(struct irq_line *line);
void line_set_masked(struct irq_line *line, bool masked);
bool line_has_closed_action(const struct irq_line *line);
/* Their names, with commas. */
void line_list_handlers(const struct irq_line *line, char *buf, u32 size);
