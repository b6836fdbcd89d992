/* Holding every other CPU at the head of schedule(). */
#pragma once
#include "sched/mutex.h"
#include "smp/percpu.h"

struct hold {
	u32 trap;			/* its number; parking[] entries carry it */
	cpumask_t parked;		/* stand still in schedule(), registers in memory */
	cpumask_t unparked;		/* idle, or answered but run on with preemption off */
	cpumask_t silent;		/* did not answer in time */
	u64 start_tsc;
};

/* Longest time for which one attempt holds the CPUs while it waits for one that
 * is slow to come; then it lets go and tries again. */
#define HOLD_LIMIT_NS (50 * 1000000ull)

/* Who has it may set module_remove (sched/sched.h), to a number from next_trap(). */
extern struct mutex module_remove_mutex;
u32 next_trap(void);
extern u32 last_trap;			/* the last number (a test lets it begin elsewhere) */

/* Sends every other CPU that is not idle into the trap and waits until each has parked, has
 * said that it cannot now, or HOLD_LIMIT_NS has passed. From here to release_cpus() the
 * caller is not preemptible and must take no sleeping lock and print nothing. Task
 * context; caller holds module_remove_mutex. Idea: R. B. Johnson, linux-kernel,
 * 8 Jul 2002. */
void hold_cpus(struct hold *h);
void release_cpus(struct hold *h);
