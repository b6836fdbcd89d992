/* The end of the machine, and the assertions that lead there. */
#pragma once
#include "lib/types.h"
#include "x86/regs.h"

#define STATUS_PANIC 125

/* Prints the message; stops all CPUs by NMI and shows each; prints message, registers and a symbolised
 * backtrace of this one; makes the report; and goes to the monitor or, when there is none, ends the
 * emulator with the status for "panic". What panics in there itself is left out.
 * Any context. */
void panic(const char *fmt, ...) noreturn printf_like(1, 2);
/* The same, with the registers of the trap that led here. */
void panic_regs(const struct regs *regs, const char *fmt, ...) noreturn printf_like(2, 3);

/* Set once by smp/: writes panic_cpu, stops the other CPUs and shows them (smp/stop.c). */
extern void (*panic_stop_others)(void);
/* Set once by shell/: what the log gets beside the text, and the code on the screen (shell/panic_report.c). */
extern void (*panic_report)(void);
/* Set once by shell/, unless run= drives the machine: called last, and again when it
 * panics itself. Does not return. */
extern void (*panic_monitor)(void);

/* Where the CPU that panics was. */
struct panic_place {
	const struct regs *regs;	/* of the trap that led there; NULL: a call of panic() */
	u32 eip, ebp, cr2;
};
extern struct panic_place panicked_at;
/* What it said, and "CPU 1 (task insmod)", empty before there are several. */
extern char panic_message[384], panic_cpu[48];

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
