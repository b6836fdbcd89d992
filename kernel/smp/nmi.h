/* Non-maskable interrupts: looking at a CPU that answers nothing else, and
 * stopping the machine. */
#pragma once
#include "lib/types.h"
#include "x86/regs.h"

void nmi_init(void);

/* stop.c: in the NMI handler. Does not return once a panic has asked all
 * CPUs to stop. */
void stop_if_asked(struct regs *regs);
void stop_init(void);
