/* NMIs. One may come between any two instructions, also while this CPU holds
 * any lock, so the handler takes none, prints nothing and sends nothing: it
 * copies registers or halts. */
#include "smp/nmi.h"
#include "lib/string.h"
#include "smp/ipi.h"
#include "x86/apic.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/cpu.h"
#include "x86/panic.h"
#include "x86/trap.h"

/* struct cpu.nmi_look */
enum { LOOK_NONE, LOOK_WANTED, LOOK_WITHDRAWN };

/* Chipset register "NMI status and control" (Intel ICH9 data sheet, 13.7.1): who caused one. */
#define NMI_STATUS   0x61
#define NMI_SERR     0x80	/* memory parity, or PCI SERR# */
#define NMI_IOCHK    0x40

/* What nobody asked for. With no cause there, it was a monitor's button, or is counted only. */
static void on_hardware_nmi(struct regs *regs)
{
	u8 cause = inb(NMI_STATUS);

	if (cause & (NMI_SERR | NMI_IOCHK))
		panic_regs(regs, "NMI by the hardware: %s (port 0x61: %#x)",
		           cause & NMI_SERR ? "memory parity or PCI SERR#" : "I/O channel check", cause);
}

/* Without a change of ring the CPU pushes no stack pointer (SDM vol. 3, 6.12.1):
 * the fields are then not there to be read, and are filled with what they would
 * say. */
static void copy_regs(struct regs *to, const struct regs *from)
{
	if (regs_from_user(from)) {
		*to = *from;
		return;
	}
	memcpy(to, from, offsetof(struct regs, user_esp));
	to->user_esp = regs_kernel_sp(from);
	to->user_ss = 0;
}

static void on_nmi(struct regs *regs)
{
	stop_if_asked(regs);
	struct cpu *me = this_cpu();
	me->nmi_count++;
	switch (atomic_xchg(&me->nmi_look, LOOK_NONE)) {
	case LOOK_WANTED:
		copy_regs(&me->nmi_copy, regs);
		store_release(&me->nmi_seq, me->nmi_seq + 1);
		break;
	case LOOK_WITHDRAWN:	/* the looker has gone */
		break;
	default:
		on_hardware_nmi(regs);
	}
}

/* One look at a time in the whole machine; a looker that cannot have its turn
 * within its time has seen nothing. */
static u32 looking;		/* atomic */

static bool begin_look(u64 deadline)
{
	while (!atomic_cmpxchg(&looking, 0u, 1u)) {
		if (clock_passed(deadline))
			return false;
		cpu_relax();
	}
	return true;
}

static bool wait_for_look(struct cpu *target, u32 seq, u64 deadline)
{
	while (load_acquire(&target->nmi_seq) == seq) {
		/* Once the handler has taken the wish it answers soon: no lock and
		 * no interrupt can hold it up. */
		if (clock_passed(deadline) &&
		    atomic_cmpxchg(&target->nmi_look, (u32)LOOK_WANTED, (u32)LOOK_WITHDRAWN))
			return false;
		cpu_relax();
	}
	return true;
}

/* Any context but NMI, not of the own CPU. */
bool nmi_look(u32 cpu, struct regs *out, u64 timeout_ns)
{
	struct cpu *target = cpus[cpu];
	u64 deadline = clock_ns() + timeout_ns;
	if (target == this_cpu())
		return false;
	u32 flags = irq_save();
	bool seen = begin_look(deadline);
	if (seen) {
		u32 seq = target->nmi_seq;
		atomic_xchg(&target->nmi_look, (u32)LOOK_WANTED);
		lapic_send_nmi(target->apic_id);
		seen = wait_for_look(target, seq, deadline);
		if (seen)
			*out = target->nmi_copy;
		store_release(&looking, 0);
	}
	irq_restore(flags);
	return seen;
}

void nmi_init(void)
{
	trap_set_handler(TRAP_NMI, on_nmi);
	stop_init();
}
