/* The end of the machine, and the assertions that lead there. */
#pragma once
#include "lib/types.h"
#include "x86/regs.h"

#define STATUS_PANIC 125

/* Prints the message, stops all CPUs by NMI, prints registers and a symbolised
 * backtrace of each, and goes to the monitor or, when there is none, ends the
 * emulator with the status for "panic".
 * Any context. */
void panic(const char *fmt, ...) noreturn printf_like(1, 2);
/* The same, with the registers of the trap that led here. */
void panic_regs(const struct regs *regs, const char *fmt, ...) noreturn printf_like(2, 3);

/* Set once by smp/: stops the other CPUs and shows each; see smp/stop.c. */
extern void (*panic_stop_others)(void);
/* Set once by shell/, if somebody sits at the console: called last, and again when it
 * panics itself. Does not return. */
extern void (*panic_monitor)(void);

/* Where the CPU that panics was. */
struct panic_place {
	const struct regs *regs;	/* of the trap that led there; NULL: a call of panic() */
	u32 eip, ebp;
};
extern struct panic_place panicked_at;

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
