/* TLB shootdown: every CPU forgets translations of a range, and says so. */
#include "lib/types.h"
#include "smp/ipi.h"
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
