/* Interrupt lines. A line may be shared; each handler is one record. */
#pragma once
#include "entry/entry.h"
#include "x86/regs.h"

enum irq_result { IRQ_NONE, IRQ_HANDLED };
typedef enum irq_result (*irq_handler)(u32 irq, void *arg);
#define IRQF_SHARED 1u

struct irq_action;		/* a handle (entry/handle.h): usable, in vain, when its record is gone */

void irq_init(void);
/* Attaches a handler to ISA interrupt `irq` (0..15, overrides applied) or, from
 * 16 up, to that GSI, and unmasks the line. Handle or ERR_PTR: -EBUSY (not
 * shared), -EINVAL (no such line), -ENOSPC (no vector left), -ENOMEM, or as entry_add() says.
 * Handlers run with interrupts off. Any context. */
struct irq_action *request_irq(u32 irq, irq_handler handler, u32 flags,
                               const char *name, void *arg) must_use;
/* Detaches it; afterwards it does not run any more. May sleep, so not from the handler. 0, or
 * as entry_destroy() says. */
int  free_irq(struct irq_action *a);
/* For a handler whose device is served later, elsewhere: masks the line if it is
 * level-triggered, and would interrupt again at once; and the end of that. Any context. */
void irq_mask_level(u32 irq);
void irq_unmask_level(u32 irq);
/* For `irqs`: fills in line i (by order); false past the end. */
struct irq_info { u32 irq, gsi, vector, cpu, count, unhandled; bool masked, polled, level; char handlers[64]; };
bool irq_nth(u32 i, struct irq_info *out);
/* Vectors in use, for leak checks. */
u32  irq_lines_in_use(void);
