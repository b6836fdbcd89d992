/* A module that follows a wild pointer, divides by 0 or the like. It runs in ring 0, and whatever it has damaged
 * before, or left half done, stays so; but the fault itself need not be the end of all, if
 * nobody waits for the code that faulted: a thread of ring 3 that called the driver, with
 * no lock held, ends as if it had done it itself. Its frames are left for good, so an
 * unload finds nobody inside.
 *
 * Anywhere else it is a panic: in an interrupt, a timer, a work item or a thread of a
 * module, with a lock held, at the module's init or exit, or in a function of the core that
 * the module has called. */
#include "lib/format.h"
#include "module/loading.h"
#include "user/hardware.h"
#include "x86/atomic.h"
#include "x86/console.h"
#include "x86/regs.h"
#include "x86/symbols.h"
#include "x86/trap.h"

static bool on_fault(struct regs *regs, u32 cr2)
{
	struct module *m = module_at(regs->eip);
	/* A trap is reported after its instruction (SDM vol. 3, 6.5). */
	u32 eip = regs->eip - (regs->vector == TRAP_BP || regs->vector == TRAP_OF);
	char where[80], at[32] = "";

	if (!m || !device_call_ends(regs))
		return false;
	atomic_add(&m->faults, 1);
	atomic_or(&kernel_taint, TAINT_MODULE_FAULT);
	symbolise(eip, where, sizeof(where));
	if (regs->vector == TRAP_PF)
		snprintf(at, sizeof(at), ", address 0x%08x", cr2);
	printk("%s faulted: %s%s, at %s; task %u (%s) ends for it. Take the module out: "
	       "rmmod %s\n", m->owner.name, trap_name(regs->vector), at, where, current->id,
	       current->name, m->owner.name);
	return true;
}

void contain_init(void)
{
	trap_set_fault_hook(FAULT_CONTAINED, on_fault);
}
