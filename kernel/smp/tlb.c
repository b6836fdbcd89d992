/* TLB shootdown: every CPU forgets translations of a range, and says so. */
#include "lib/types.h"
#include "smp/ipi.h"
#include "x86/atomic.h"
#include "x86/cpu.h"
#include "x86/layout.h"

/* Beyond this, refilling the whole TLB is cheaper than that many INVLPG. */
#define MAX_SINGLE_PAGES 64

struct range { u32 start, end; };

/* Kernel pages are global and outlive a load of CR3; a change of CR4.PGE drops
 * them too (Intel SDM vol. 3, 4.10.4.1). Interrupts off: a handler that came
 * in between and saved CR4 would be confused. */
static void flush_all(void)
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
		flush_all();
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

/* Bounds are whole pages. Context: as smp_call(). */
cpumask_t tlb_shootdown(u32 start, u32 end, u64 timeout_ns)
{
	struct range r = { ALIGN_DOWN(start, PAGE_SIZE), ALIGN_UP(end, PAGE_SIZE) };
	/* Pinned: from another CPU the page would be flushed here twice and
	 * there never. */
	preempt_disable();
	flush_range(&r);
	cpumask_t silent = smp_call(cpus_others(), on_flush, &r, timeout_ns);
	preempt_enable();
	return silent;
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
cpumask_t tlb_shootdown_users(u32 cr3, u32 start, u32 end, u64 timeout_ns)
{
	struct range r = { ALIGN_DOWN(start, PAGE_SIZE), ALIGN_UP(end, PAGE_SIZE) };
	cpumask_t mask = 0, silent = 0;
	u32 cpu;

	preempt_disable();
	smp_mb();
	for_each_cpu_in(cpu, cpus_online) {
		if (READ_ONCE(cpus[cpu]->cr3) == cr3)
			mask |= CPU_BIT(cpu);
	}
	if (mask & CPU_BIT(this_cpu_read(id)))
		flush_range(&r);
	if (mask & cpus_others())
		silent = smp_call(mask & cpus_others(), on_flush, &r, timeout_ns);
	preempt_enable();
	return silent;
}
