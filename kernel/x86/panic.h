/* The end of the machine, and the assertions that lead there. */
#pragma once
#include "lib/types.h"
#include "x86/regs.h"

/* Prints the message, stops all CPUs by NMI, prints registers and a symbolised
 * backtrace of each, and ends the emulator with the status for "panic".
 * Any context. */
void panic(const char *fmt, ...) noreturn printf_like(1, 2);
/* The same, with the registers of the trap that led here. */
void panic_regs(const struct regs *regs, const char *fmt, ...) noreturn printf_like(2, 3);

/* Set once by smp/: stops the other CPUs and shows each; see smp/stop.c. */
extern void (*panic_stop_others)(void);

#define ASSERT(cond)                                                            \
	do {                                                                    \
		if (unlikely(!(cond)))                                          \
			panic("assertion failed: %s, %s:%d", #cond, __FILE__, __LINE__); \
	} while (0)

/* Costly checks and those on the hottest paths; only with DEBUG=1. */
#ifdef DEBUG
#define DEBUG_ASSERT(cond) ASSERT(cond)
#else
#define DEBUG_ASSERT(cond) ((void)0)
#endif
