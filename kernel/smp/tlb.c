/* TLB shootdown: every CPU forgets translations of a range, and says so. */
#include "lib/types.h"
#include "smp/idle.h"
#include "smp/ipi.h"
#include "x86/atomic.h"
#include "x86/cpu.h"
#include "x86/layout.h"

/* Beyond this, refilling the whole TLB is cheaper than that many INVLPG. */
#define MAX_SINGLE_PAGES 64
/* How long a CPU may take to answer, and how often it is asked. */
#define TRY_NS (500 * 1000000ull)
#define TRIES  4

struct range { u32 start, end; };

/* Kernel pages are global and outlive a load of CR3; a change of CR4.PGE drops
 * them too (Intel SDM vol. 3, 4.10.4.1). Interrupts off: a handler that came
 * in between and saved CR4 would be confused. */
void tlb_flush_all(void)
{
	u32 flags = irq_save(), cr4 = read_cr4();
	if (cr4 & CR4_PGE) {
		write_cr4(cr4 & ~CR4_PGE);
		write_cr4(cr4);
	} else {
		write_cr3(read_cr3());
	}
	irq_restore(flags);
}

static void flush_range(const struct range *r)
{
	if ((r->end - r->start) / PAGE_SIZE > MAX_SINGLE_PAGES) {
		tlb_flush_all();
		return;
	}
	for (u32 va = r->start; va != r->end; va += PAGE_SIZE)
		invlpg(va);
}

static void on_flush(void *arg, const struct regs *regs, u32 sp)
{
	(void)regs;
	(void)sp;
	flush_range(arg);
}

/* An idle CPU is not woken: it flushes all when it leaves (smp/idle.c).
 * Returns those of `mask` that did not answer: a CPU of an emulator may have no time of its
 * host's for a while, so it is asked again. In between others may run here; that this may be
 * another CPU then does not matter, as those that have answered are no longer asked. */
static cpumask_t flush_on(cpumask_t mask, struct range *r)
{
	for (u32 tries = 0; mask && tries < TRIES; tries++) {
		preempt_disable();
		if (mask & CPU_BIT(this_cpu_read(id)))
			flush_range(r);
		mask &= cpus_others();
		if (mask)
			mask = smp_call(mask & ~cpus_idle_to_flush(mask), on_flush, r, TRY_NS);
		preempt_enable();
	}
	return mask;
}

static struct range whole_pages(u32 start, u32 end)
{
	return (struct range){ ALIGN_DOWN(start, PAGE_SIZE), ALIGN_UP(end, PAGE_SIZE) };
}

/* Context: as smp_call(). */
cpumask_t tlb_shootdown(u32 start, u32 end)
{
	struct range r = whole_pages(start, end);

	return flush_on(cpus_online, &r);
}

/* User pages are not global, so a load of CR3 forgets them: only CPUs that have this
 * address space loaded now may know something old.
 *
 *	CPU 0 (unmaps)			CPU 1 (switches to the process)
 *	entry = 0
 *	fence				cr3 = this one
 *	cr3 of CPU 1: this one? asks	loads CR3 (serialising)
 *	not yet? then its load comes	walks the tables: finds 0
 *	later than entry = 0
 *
 * Context: as smp_call(). */
cpumask_t tlb_shootdown_users(u32 cr3, u32 start, u32 end)
{
	struct range r = whole_pages(start, end);
	cpumask_t mask = 0;
	u32 cpu;

	smp_mb();
	for_each_cpu_in(cpu, cpus_online) {
		if (READ_ONCE(cpus[cpu]->cr3) == cr3)
			mask |= CPU_BIT(cpu);
	}
	return flush_on(mask, &r);
}
