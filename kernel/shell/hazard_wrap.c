/* Counters near the end of their 32 bits, for hazard E13. Most only rise, and have 64; from where
 * they are put here they go on. tests/kernel/test_wrap.c asks the same of each one by itself. */
#include "entry/owner.h"
#include "lib/errno.h"
#include "sched/sched.h"
#include "shell/hazard.h"
#include "smp/ipi.h"
#include "unload/counts.h"
#include "unload/graveyard.h"
#include "unload/hold.h"
#include "unload/inspect.h"
#include "x86/atomic.h"

#define LOW_END 0x100000000ull		/* the first number beyond 32 bits */
#define STEPS   2u			/* before the end */

static bool wrapped;
static u32 generation_before, id_before;

static u64 before_end(u64 n)
{
	return MAX(n, ALIGN_DOWN(n, LOW_END) + LOW_END - STEPS);
}

/* On each CPU, in interrupt context: the difference stays. */
static void shift_counts(void *arg, const struct regs *regs, u32 sp)
{
	struct count *mine = counts[this_cpu()->id];

	(void)arg, (void)regs, (void)sp;
	for (u32 slot = 0; slot <= MAX_OWNERS; slot++) {
		u32 by = ~0u - STEPS - mine[slot].entrances;
		mine[slot].entrances += by;
		mine[slot].exits += by;
	}
}

static void shift_task_ids(void)
{
	u32 flags = spin_lock_irqsave(&tasklist_lock);

	id_before = last_task_id;
	last_task_id = ~0u - STEPS;
	spin_unlock_irqrestore(&tasklist_lock, flags);
}

/* Inspections, traps. */
static void shift_looks(void)
{
	mutex_lock(&module_remove_mutex);
	last_inspection = before_end(last_inspection);
	last_trap = ~0u - STEPS;
	mutex_unlock(&module_remove_mutex);
}

static int shift_epoch(const char *module)
{
	mutex_lock(&modules_mutex);
	struct module *m = module_find(module);
	if (m)
		rising_raise(&m->owner.epoch, LOW_END - 1);
	mutex_unlock(&modules_mutex);
	return m ? 0 : -ENOENT;
}

int hazard_wrap_begin(const char *module)
{
	int err = shift_epoch(module);

	if (err)
		return err;
	shift_looks();
	shift_task_ids();
	last_grave = before_end(last_grave);
	generation_before = READ_ONCE(load_generation);
	WRITE_ONCE(load_generation, LAST_GENERATION - STEPS);
	wrapped = true;
	preempt_disable();
	u32 flags = irq_save();
	shift_counts(NULL, NULL, 0);
	irq_restore(flags);
	cpumask_t silent = smp_call(cpus_others(), shift_counts, NULL, NSEC_PER_SEC);
	preempt_enable();
	return silent ? -ETIMEDOUT : 0;
}

/* The count of loads does not wrap: it stays at its end, where all tasks count as having run since
 * any load. Tasks that ran meanwhile do so from here on, which is safe. */
void hazard_wrap_end(void)
{
	if (!wrapped)
		return;
	wrapped = false;
	WRITE_ONCE(load_generation, generation_before);
	u32 flags = spin_lock_irqsave(&tasklist_lock);
	last_task_id = id_before;
	spin_unlock_irqrestore(&tasklist_lock, flags);
}
