/* A panic for a reader elsewhere: short enough for a QR code, and text, so that any phone shows it
 * and a serial line carries it. tools/panic makes functions and lines of its addresses. All of it for
 * the CPU that panicked, the others stopped; no lock, no heap. */
#pragma once
#include "smp/percpu.h"

/* To the log and the serial line; then as a code to the screen, if it can show one. */
void report_panic(void);
/* The registers and the backtrace of a stopped CPU, or of this one, as a code; says so if there is no
 * screen for it. */
void report_cpu(const struct cpu *c);
/* The end of the kernel's log as a code, from the beginning of a line. The same. */
void report_log(void);
