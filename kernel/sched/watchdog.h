/* Names a CPU that switches to no other task although one waits for it. */
#pragma once
#include "lib/types.h"

struct regs;

/* From the timer interrupt, which came upon `regs`. */
void watchdog_look(const struct regs *regs);

/* For its test: the least time between two looks at a CPU, and how many reports there were (atomic). */
extern u64 watchdog_pause_ns;
extern u32 watchdog_reports;
