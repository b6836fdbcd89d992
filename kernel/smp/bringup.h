/* Waking the other CPUs (Intel SDM vol. 3, 8.4.4). */
#pragma once
#include "smp/percpu.h"

/* Boot CPU: its own per-CPU data, before anything that uses GS. Static memory. */
void percpu_init_boot(void);

/* Starts the CPUs that the MADT names, with `maxcpus=N` on the command line the
 * first N of them: INIT to each, 10 ms, then one after another SIPI, 200 us,
 * SIPI, and at most a second to report. A CPU that does not is named and left
 * out, and can never wake up later into memory that is not its own. `alloc_cpu`:
 * per-CPU area, zeroed, aligned, or NULL. `alloc_stack`: the top of a new stack
 * for that CPU, whose id is known, or 0. `entry` runs on the new CPU with
 * interrupts off on that stack and does not return. Returns how many run. Boot
 * CPU, once. */
u32 smp_start_cpus(struct cpu *(*alloc_cpu)(void), u32 (*alloc_stack)(struct cpu *c),
                   void (*entry)(void));
