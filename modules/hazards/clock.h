/* The PC's clock chip as a source of interrupts: MC146818A data sheet, registers
 * A to C. It holds its line until register C is read. */
#pragma once
#include "x86/cpu.h"

#define CLOCK_IRQ 8

static inline u8 clock_reg(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static inline void clock_set_periodic(bool on)
{
	u8 b = clock_reg(0x0b) & ~0x40;

	outb(0x70, 0x0b);
	outb(0x71, on ? b | 0x40 : b);
	(void)clock_reg(0x0c);
}

static inline void clock_start(void) { clock_set_periodic(true); }
static inline void clock_stop(void)  { clock_set_periodic(false); }

/* Silences the line; true when it was the periodic tick. */
static inline bool clock_has_ticked(void) { return clock_reg(0x0c) & 0x40; }
