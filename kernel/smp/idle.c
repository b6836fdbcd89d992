/* Idle CPUs are neither asked nor woken. What an IPI would have made them see or forget, they see
 * and forget when they leave idle.
 *
 * A CPU in HLT holds no address of a module, and the first thing that it does afterwards, before it
 * loads a handler's record or looks at Johnson's flag, is an exchange of its idle_state: locked, so
 * none of its later loads is ordered before it. A CPU that stores something, executes a fence, and then
 * finds this one idle, knows that the exchange is still to come:
 *
 *	CPU 0 (asker)			CPU 1
 *					idle_state = IDLE (release); HLT
 *	closes records, raises the flag
 *	fence
 *	idle_state? IDLE: not asked
 *					interrupt: exchanges idle_state for BUSY
 *					loads the record: a stub
 *					schedule(): the flag is up, parks
 *
 *	CPU 0				CPU 1
 *	closes records
 *					interrupt: exchanges idle_state for BUSY
 *					loads the record: the stub, or what was there
 *	fence				  before; its handler runs
 *	idle_state? BUSY: asked by IPI
 *					returns from the handler, answers
 *
 * A TLB has to be flushed then, so a mark is left, by compare and exchange: one of the two sees the
 * other. (A look and then a store would lose the mark if the CPU left in between; and so would a mark
 * in the word that the interrupt's entry increments, as that is not locked.)
 *
 *	CPU 0 (unmaps)			CPU 1
 *	clears the entry
 *	IDLE -> TO_FLUSH: done
 *					interrupt: exchanges TO_FLUSH for BUSY,
 *					  flushes, goes on
 *	or: it is BUSY: IPI
 *
 * Until the exchange the CPU touches its idle stack, its struct cpu, the tables of descriptors and the
 * core's text, which are mapped for ever. It cannot touch a page table that was freed either: those of
 * the kernel are never freed, and an idle CPU has no others loaded (enter_address_space()).
 *
 * An NMI or a machine check comes in without it, and then the same holds: their handlers are the core's
 * (smp/nmi.c) and read no record and nothing that is ever unmapped. If one ends HLT, the idle loop calls
 * idle_end(). A CPU leaves for another one's sake by an interrupt only (smp_reschedule()).
 *
 * Model: tests/models/idle.pml. */
#include "smp/idle.h"
#include "smp/ipi.h"
#include "x86/atomic.h"
#include "x86/panic.h"
#include "x86/trap.h"

enum { CPU_BUSY, CPU_IDLE, CPU_IDLE_TO_FLUSH };

void idle_begin(void)
{
	struct cpu *c = this_cpu();

	DEBUG_ASSERT(!irqs_enabled() && !c->irq_depth && !c->preempt_count && !c->nr_held);
	c->irq_depth = IRQ_DEPTH_IDLE;
	store_release(&c->idle_state, (u32)CPU_IDLE);
}

void idle_end(void)
{
	struct cpu *c = this_cpu();
	u32 was = atomic_xchg(&c->idle_state, (u32)CPU_BUSY);

	if (was == CPU_IDLE_TO_FLUSH)
		tlb_flush_all();
	c->irq_depth &= ~IRQ_DEPTH_IDLE;
}

cpumask_t cpus_idle(cpumask_t mask)
{
	cpumask_t idle = 0;
	u32 cpu;

	smp_mb();
	for_each_cpu_in(cpu, mask)
		if (load_acquire(&cpus[cpu]->idle_state) != CPU_BUSY)
			idle |= CPU_BIT(cpu);
	return idle;
}

/* It may be marked already. */
static bool mark(u32 *state)
{
	return atomic_cmpxchg(state, (u32)CPU_IDLE, (u32)CPU_IDLE_TO_FLUSH) ||
	       atomic_cmpxchg(state, (u32)CPU_IDLE_TO_FLUSH, (u32)CPU_IDLE_TO_FLUSH);
}

cpumask_t cpus_idle_to_flush(cpumask_t mask)
{
	cpumask_t idle = 0;
	u32 cpu;

	for_each_cpu_in(cpu, mask)
		if (READ_ONCE(cpus[cpu]->idle_state) != CPU_BUSY && mark(&cpus[cpu]->idle_state))
			idle |= CPU_BIT(cpu);
	return idle;
}

static void answer(void *arg, const struct regs *regs, u32 sp)
{
	(void)arg, (void)regs, (void)sp;
}

cpumask_t smp_fence(cpumask_t mask, u64 timeout_ns)
{
	preempt_disable();		/* or this CPU would be another one meanwhile */
	mask &= cpus_others();
	if (mask)
		mask = smp_call(mask & ~cpus_idle(mask), answer, NULL, timeout_ns);
	preempt_enable();
	return mask;
}
