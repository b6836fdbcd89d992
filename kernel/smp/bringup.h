/* Waking the other CPUs (Intel SDM vol. 3, 8.4.4). */
#pragma once
#include "smp/percpu.h"

/* Boot CPU: its own per-CPU data, before anything that uses GS. Static memory. */
void percpu_init_boot(void);

/* Starts every CPU that the MADT names, one after another: INIT, 10 ms, SIPI,
 * 200 us, SIPI, and waits at most 100 ms (scaled by the clock) for each. A CPU
 * that does not come is named and left out, and can never wake up later into
 * memory that is not its own. `alloc_cpu`: per-CPU area, zeroed, or NULL.
 * `alloc_stack` returns the top of a new stack or 0. `entry` runs on the new CPU
 * with interrupts off on that stack and does not return. Returns how many run. */
u32 smp_start_cpus(struct cpu *(*alloc_cpu)(void), u32 (*alloc_stack)(void), void (*entry)(void));
