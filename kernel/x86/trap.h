/* Exceptions and interrupts: the IDT and the way through it. */
#pragma once
#include "x86/regs.h"

/* Exceptions (Intel SDM vol. 3, table 6-1). */
#define TRAP_DE   0
#define TRAP_DB   1
#define TRAP_NMI  2
#define TRAP_BP   3
#define TRAP_OF   4
#define TRAP_BR   5
#define TRAP_UD   6
#define TRAP_NM   7
#define TRAP_DF   8
#define TRAP_TS  10
#define TRAP_NP  11
#define TRAP_SS  12
#define TRAP_GP  13
#define TRAP_PF  14
#define TRAP_MF  16
#define TRAP_AC  17
#define TRAP_MC  18
#define TRAP_XM  19

/* Vectors. The high nibble is the priority class of the local APIC. */
#define VECTOR_PIC_BASE       0x20	/* masked 8259s may still raise spurious ones */
#define VECTOR_IOAPIC_BASE    0x30	/* lines, each from its first use on (entry/irq.c), up to 0x7f */
#define VECTOR_IOAPIC_LAST    0x7f
#define VECTOR_SYSCALL        0x80	/* lib/abi.h has the same */
#define VECTOR_LAPIC_TIMER    0xe0
#define VECTOR_IPI_RESCHEDULE 0xf0
#define VECTOR_IPI_CALL       0xf1
#define VECTOR_LAPIC_ERROR    0xfe
#define VECTOR_SPURIOUS       0xff	/* low nibble all ones, as old APICs require */

/* Runs with interrupts off, on the interrupted task's stack. May not sleep. */
typedef void (*trap_handler)(struct regs *regs);

/* Builds the IDT once, on the boot CPU. */
void trap_init(void);
/* Loads it on this CPU. */
void trap_load(void);
/* Sets the handler of one vector. A vector without one panics if it is an
 * exception; otherwise it is acknowledged, as spurious. */
void trap_set_handler(u8 vector, trap_handler handler);
/* An entry of its own for a vector that ring 3 may raise by INT. Boot CPU, once. */
void trap_set_user_gate(u8 vector, const void *entry);
const char *trap_name(u32 vector);

/* A page fault, or a general protection fault, of the kernel is offered to these, in this order,
 * whoever was initialised first; true means it is dealt with and execution goes on. What nobody
 * deals with is a panic. Any other fault of an instruction (a division by 0, say) is offered to
 * FAULT_CONTAINED only. Any context, NMI excepted. */
enum fault_step {
	FAULT_USER_COPY,	/* user/fault.c: the kernel touches memory of ring 3 */
	FAULT_GRAVEYARD,	/* unload/graveyard.c: anybody touches a dead module's, a live one too */
	FAULT_CONTAINED,	/* module/contain.c: a driver faults in a call of ring 3 */
	NR_FAULT_STEPS
};
/* Boot CPU, once for each. */
void trap_set_fault_hook(enum fault_step step, bool (*hook)(struct regs *regs, u32 cr2));

/* Runs on the way out of every interrupt, with interrupts off: where a CPU is
 * preempted. Set once by sched/. */
extern void (*trap_exit_work)(struct regs *regs);
/* Ring 3, set once by user/. An exception there, with CR2 if it is a page fault;
 * interrupts off, in task context but for that. It returns when the thread may go
 * on. */
extern void (*user_exception)(struct regs *regs, u32 cr2);
/* Runs last on the way out of an interrupt that goes back to ring 3, interrupts off. */
extern void (*user_exit_work)(struct regs *regs);
/* Around the handler of an interrupt (not of an exception) the depth of interrupts
 * on this CPU is counted, in the word at GS:x86_gs_irq_depth: smp/percpu.c gives
 * that symbol its value. Its highest bit is set while the CPU is idle; then
 * trap_from_idle() comes first, which clears it. Set once by sched/. */
#define IRQ_DEPTH_IDLE (1u << 31)
extern void (*trap_from_idle)(void);

/* Calls fn(arg, sp) with all callee-saved registers of the callers pushed at
 * and above sp. Whatever a caller held in a register or on its stack is then
 * found in memory from sp upwards. */
u32 with_registers_on_stack(u32 (*fn)(void *arg, u32 sp), void *arg);
