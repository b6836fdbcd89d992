#include "x86/trap.h"
#include "x86/apic.h"
#include "x86/atomic.h"
#include "x86/cpu.h"
#include "x86/descriptors.h"
#include "x86/layout.h"
#include "x86/msr.h"
#include "x86/panic.h"

#define NR_VECTORS     256
#define NR_EXCEPTIONS  32
#define STUB_SIZE      16		/* vectors.asm has the same */

/* Page fault error code (Intel SDM vol. 3, 4.7). */
#define PF_PRESENT     (1u << 0)
#define PF_WRITE       (1u << 1)
#define PF_RESERVED    (1u << 3)
#define PF_FETCH       (1u << 4)

/* vectors.asm, which knows these offsets. */
_Static_assert(offsetof(struct regs, ebp) == 24, "REGS_EBP");
_Static_assert(offsetof(struct regs, esp_ignored) == 28, "REGS_ESP_IGNORED");
_Static_assert(offsetof(struct regs, eip) == 56, "REGS_EIP");
extern const char trap_stubs[];
void trap_dispatch(struct regs *regs);

/* Fixed after trap_init(). */
static u64 idt[NR_VECTORS] aligned(8);

/* Written during set-up, or while the vector is masked. */
static trap_handler handlers[NR_VECTORS];
static bool (*fault_hooks[NR_FAULT_STEPS])(struct regs *regs, u32 cr2);

static void no_exit_work(struct regs *regs) { (void)regs; }
void (*trap_exit_work)(struct regs *regs) = no_exit_work;
void (*user_exit_work)(struct regs *regs) = no_exit_work;

static void no_idle_yet(void) { }
void (*trap_from_idle)(void) = no_idle_yet;

static void nobody_there(struct regs *regs, u32 cr2) { (void)cr2; panic_regs(regs, "ring 3, before there is one"); }
void (*user_exception)(struct regs *regs, u32 cr2) = nobody_there;

/* -- the table ----------------------------------------------------------------- */

/* Intel SDM vol. 3, 6.11 and figure 6-2. Interrupt gates only: every handler
 * starts with interrupts off. */
#define GATE_PRESENT   0x80u
#define GATE_TASK      0x05u
#define GATE_INTERRUPT 0x0eu
#define GATE_USER      0x60u		/* privilege level 3: INT n may go there */

static u64 make_gate(u32 type, u16 selector, u32 offset)
{
	u32 low = (u32)selector << 16 | (offset & 0xffff);
	u32 high = (offset & 0xffff0000) | (GATE_PRESENT | type) << 8;

	return (u64)high << 32 | low;
}

void trap_init(void)
{
	u32 stub = (u32)trap_stubs;

	for (u32 v = 0; v < NR_VECTORS; v++, stub += STUB_SIZE)
		idt[v] = make_gate(GATE_INTERRUPT, SEL_KERNEL_CODE, stub);
	/* INT3 and INTO of ring 3 shall be reported as what they are. */
	idt[TRAP_BP] |= (u64)GATE_USER << 40;
	idt[TRAP_OF] |= (u64)GATE_USER << 40;
	/* A double fault may mean that there is no stack to push anything on. */
	idt[TRAP_DF] = make_gate(GATE_TASK, SEL_DF_TSS, 0);
}

void trap_load(void)
{
	struct { u16 limit; u32 base; } packed idtr = { sizeof(idt) - 1, (u32)idt };

	__asm__ volatile("lidt %0" :: "m"(idtr));
}

void trap_set_handler(u8 vector, trap_handler handler)
{
	WRITE_ONCE(handlers[vector], handler);
}

void trap_set_user_gate(u8 vector, const void *entry)
{
	idt[vector] = make_gate(GATE_INTERRUPT | GATE_USER, SEL_KERNEL_CODE, (u32)entry);
}

void trap_set_fault_hook(enum fault_step step, bool (*hook)(struct regs *regs, u32 cr2))
{
	ASSERT(!fault_hooks[step]);
	WRITE_ONCE(fault_hooks[step], hook);
}

const char *trap_name(u32 vector)
{
	static const char *const name[] = {
		"divide error", "debug trap", "NMI", "breakpoint", "overflow",
		"bound range exceeded", "invalid opcode", "no FPU available", "double fault",
		"coprocessor overrun", "invalid TSS", "segment not present", "stack fault",
		"general protection fault", "page fault", "reserved exception", "FPU error",
		"alignment check", "machine check", "SIMD error", "virtualization exception",
		"control protection fault",
	};

	if (vector < ARRAY_SIZE(name))
		return name[vector];
	return vector < NR_EXCEPTIONS ? "reserved exception" : "interrupt";
}

/* -- exceptions ------------------------------------------------------------------ */

static bool offer(enum fault_step step, struct regs *regs, u32 cr2)
{
	bool (*hook)(struct regs *, u32) = READ_ONCE(fault_hooks[step]);

	return hook && hook(regs, cr2);
}

/* Faults that an instruction raises by itself, other than by an access to memory; not the aborts,
 * NMI and debug traps, which may be raised by anything (SDM vol. 3, table 6-1). */
#define INSTRUCTION_FAULTS                                                              \
	(1u << TRAP_DE | 1u << TRAP_BP | 1u << TRAP_OF | 1u << TRAP_BR | 1u << TRAP_UD | 1u << TRAP_NM | \
	 1u << TRAP_TS | 1u << TRAP_NP | 1u << TRAP_SS | 1u << TRAP_MF | 1u << TRAP_AC | 1u << TRAP_XM)

static bool fault_is_dealt_with(struct regs *regs, u32 cr2)
{
	if (1u << regs->vector & INSTRUCTION_FAULTS)
		return offer(FAULT_CONTAINED, regs, cr2);
	if (regs->vector != TRAP_PF && regs->vector != TRAP_GP)
		return false;
	for (enum fault_step step = 0; step < NR_FAULT_STEPS; step++) {
		if (offer(step, regs, cr2))
			return true;
	}
	return false;
}

static bool is_stack_guard(u32 addr)
{
	extern const char boot_stack_guard[], boot_stack[];

	if (addr >= (u32)boot_stack_guard && addr < (u32)boot_stack)
		return true;
	return addr - STACK_BASE < STACK_AREA_SIZE &&
	       (addr & (STACK_SLOT - 1)) < STACK_SLOT - STACK_SIZE;
}

static noreturn void page_fault_panic(const struct regs *regs, u32 cr2)
{
	/* A CPU without NX does not say that it was fetching. */
	const char *access = regs->error & PF_FETCH || regs->eip == cr2 ? "executing" :
	                     regs->error & PF_WRITE ? "writing to" : "reading from";
	const char *reason = regs->error & PF_RESERVED ? "its page table entry is invalid" :
	                     regs->error & PF_PRESENT ? "its page forbids that" :
	                     cr2 < PAGE_SIZE ? "a null pointer" :
	                     is_stack_guard(cr2) ? "the guard of a kernel stack" :
	                     "nothing is mapped there";

	panic_regs(regs, "page fault: %s 0x%08x (%s)", access, cr2, reason);
}

static noinline void exception(struct regs *regs)
{
	/* Before anything here can fault itself. */
	u32 cr2 = regs->vector == TRAP_PF ? read_cr2() : 0;
	trap_handler handler = READ_ONCE(handlers[regs->vector]);

	if (handler) {
		handler(regs);
		return;
	}
	if (regs_from_user(regs)) {
		user_exception(regs, cr2);
		return;
	}
	if (regs->vector == TRAP_GP && msr_fault(regs))
		return;
	if (fault_is_dealt_with(regs, cr2))
		return;
	if (regs->vector == TRAP_PF)
		page_fault_panic(regs, cr2);
	panic_regs(regs, "%s (exception %u, error code 0x%x)", trap_name(regs->vector),
	           regs->vector, regs->error);
}

/* A task of its own, entered through the IDT's task gate on `c`'s df_stack; what
 * was interrupted is in the TSS it came from (SDM vol. 3, 7.3). It does not return:
 * the state of an aborted instruction cannot be resumed. */
void double_fault(struct x86_cpu *c)
{
	const struct tss *t = &c->tss;
	u32 cr2 = read_cr2();
	struct regs regs = {
		.gs = t->gs, .fs = t->fs, .es = t->es, .ds = t->ds,
		.edi = t->edi, .esi = t->esi, .ebp = t->ebp, .ebx = t->ebx,
		.edx = t->edx, .ecx = t->ecx, .eax = t->eax,
		.vector = TRAP_DF, .eip = t->eip, .cs = t->cs, .eflags = t->eflags,
		.user_esp = t->esp, .user_ss = t->ss,
	};

	if (is_stack_guard(cr2))
		panic_regs(&regs, "kernel stack overflow: 0x%08x is in the guard of a kernel stack", cr2);
	panic_regs(&regs, "double fault; the last page fault was at 0x%08x", cr2);
}

/* -- interrupts -------------------------------------------------------------------- */

/* The depth of interrupts is per-CPU data, which is smp/'s: the linker gets its
 * offset from GS as the value of this symbol (smp/percpu.c). */
static always_inline bool irq_depth_inc(void)
{
	bool idle;			/* IRQ_DEPTH_IDLE is the sign */

	__asm__ volatile("incl %%gs:x86_gs_irq_depth" : "=@ccs"(idle) :: "memory");
	return idle;
}

static always_inline void irq_depth_dec(void)
{
	__asm__ volatile("decl %%gs:x86_gs_irq_depth" ::: "memory", "cc");
}

/* The 8259s' IRQ 7 and 15 can arrive although they are masked, if the line drops
 * at the wrong moment. Nothing is in service then, except that the first one
 * believes it passed on a request of the second (8259A data sheet, "spurious"). */
#define PIC1_COMMAND 0x20
#define PIC_EOI      0x20

static void spurious(u32 vector)
{
	if (vector == VECTOR_PIC_BASE + 15)
		outb(PIC1_COMMAND, PIC_EOI);
	/* The APIC's own spurious vector is not in service either (SDM vol. 3, 10.9). */
	if (vector >= VECTOR_IOAPIC_BASE && vector != VECTOR_SPURIOUS)
		lapic_eoi();
}

static void interrupt(struct regs *regs)
{
	if (unlikely(irq_depth_inc()))
		trap_from_idle();	/* before anything is loaded that another CPU may have changed */
	trap_handler handler = READ_ONCE(handlers[regs->vector]);
	if (likely(handler))
		handler(regs);
	else
		spurious(regs->vector);
	irq_depth_dec();
	trap_exit_work(regs);
	if (regs_from_user(regs))
		user_exit_work(regs);
}

/* Called by vectors.asm, with interrupts off. */
void trap_dispatch(struct regs *regs)
{
	if (likely(regs->vector >= NR_EXCEPTIONS))
		interrupt(regs);
	else
		exception(regs);
}
