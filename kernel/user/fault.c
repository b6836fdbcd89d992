/* Exceptions that ring 3 causes, by itself or through the kernel's hands. */
#include "user/fault.h"
#include "lib/errno.h"
#include "user/entry.h"
#include "user/hardware.h"
#include "user/process.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/panic.h"
#include "x86/trap.h"

#define EFLAGS_TF (1u << 8)

/* Page fault error code (Intel SDM vol. 3, 4.7). */
#define PF_PRESENT (1u << 0)
#define PF_WRITE   (1u << 1)
#define PF_FETCH   (1u << 4)

/* A CPU reads the four directory pointers when CR3 is loaded (SDM vol. 3, 4.4.1):
 *
 *	CPU 0 (maps)			CPU 1 (another thread)
 *					CR3 loaded: quarter 1 absent
 *	pdpt[1] = directory
 *	entry = page
 *					touches it: page fault, absent
 *					it is there: loads CR3 again, goes on */
static bool is_stale(const struct regs *regs, u32 cr2)
{
	struct user_thread *t = current->user;

	if (!t || (regs->error & PF_PRESENT) || !space_has_page(&current_process()->space, cr2))
		return false;
	write_cr3(read_cr3());
	return true;
}

/* The kernel's access to memory of ring 3 fails: copy_user() says so. The other side of the copy
 * is the kernel's own, and a fault there is like any other. */
static bool kernel_fault(struct regs *regs, u32 cr2)
{
	if (regs->vector == TRAP_PF && cr2 >= KERNEL_BASE)
		return false;
	if (regs->eip < (u32)copy_user || regs->eip >= (u32)copy_user_end)
		return false;
	if (regs->vector != TRAP_PF || !is_stale(regs, cr2))
		regs->eip = (u32)copy_user_fault;
	return true;
}

static const char *access_name(u32 error)
{
	return error & PF_FETCH ? "executing" : error & PF_WRITE ? "writing to" : "reading from";
}

static void report(const struct regs *regs, u32 cr2)
{
	const struct process *p = current_process();

	if (regs->vector == TRAP_PF)
		printk("%s (process %u) ended: page fault %s %#x at %#x\n", p->name, p->id,
		       access_name(regs->error), cr2, regs->eip);
	else
		printk("%s (process %u) ended: %s at %#x\n", p->name, p->id,
		       trap_name(regs->vector), regs->eip);
}

/* What the supervisor answers (FAULT_RETRY: it has put it right), or an error: nobody was told. */
static int ask_supervisor(const struct regs *regs, u32 cr2)
{
	const struct process *p = current_process();
	struct words w = { .w2 = regs->eip };
	int err;

	if (!p->supervisor)
		return -ESRCH;
	w.w0 = regs->vector == TRAP_PF ? FAULT_PAGE : FAULT_EXCEPTION;
	w.w1 = regs->vector == TRAP_PF ? cr2 : regs->vector;
	if (regs->vector == TRAP_PF)
		w.w0 |= (regs->error & PF_WRITE ? FAULT_WRITE : 0) | (regs->error & PF_FETCH ? FAULT_FETCH : 0);
	err = ipc_call_for(current->user, p->supervisor, p->badge, &w);
	return err ? err : (int)(w.w0 == FAULT_RETRY ? FAULT_RETRY : FAULT_END);
}

static void on_user_exception(struct regs *regs, u32 cr2)
{
	if (regs->vector == TRAP_PF && is_stale(regs, cr2))
		return;
	if (regs->vector == TRAP_GP && ports_fault(regs))
		return;
	irq_enable();
	int answer = ask_supervisor(regs, cr2);
	if (answer != (int)FAULT_RETRY && !task_killed() &&
	    process_end(current_process(), -EFAULT) && answer < 0)
		report(regs, cr2);	/* nobody else does */
	if (task_killed())
		thread_exit();
	irq_disable();
}

/* SYSENTER with TF set traps on the kernel's first instruction (SDM vol. 3, 17.3.1.4). */
static void on_debug(struct regs *regs)
{
	if (regs_from_user(regs))
		on_user_exception(regs, 0);
	else if (regs->eip >= (u32)sysenter_entry && regs->eip < (u32)sysenter_entry_end)
		regs->eflags &= ~EFLAGS_TF;
	else
		panic_regs(regs, "debug trap");
}

static void on_way_to_ring3(struct regs *regs)
{
	(void)regs;
	if (likely(!task_killed()))
		return;
	irq_enable();
	thread_exit();
}

void fault_init(void)
{
	trap_set_handler(TRAP_DB, on_debug);
	trap_set_fault_hook(FAULT_USER_COPY, kernel_fault);
	user_exception = on_user_exception;
	user_exit_work = on_way_to_ring3;
}
