/* The end of the machine: every CPU stops where it is, and is shown. */
#include "smp/ipi.h"
#include "smp/nmi.h"
#include "x86/apic.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/panic.h"
#include "x86/symbols.h"

#define PATIENCE_NS NSEC_PER_SEC

static u32 stopping;		/* atomic */

static const char *no_task_name(u32 cpu)
{
	(void)cpu;
	return "?";
}
const char *(*cpu_task_name)(u32 cpu) = no_task_name;

static void halt_for_good(void) noreturn;
static void halt_for_good(void)
{
	for (;;) {
		irq_disable();
		halt();
	}
}

/* NMI context. The registers stay on this CPU's stack, which nobody uses any
 * more. */
void stop_if_asked(struct regs *regs)
{
	if (!load_acquire(&stopping))
		return;
	store_release(&this_cpu()->stopped_at, regs);
	halt_for_good();
}

static void wait_for_stop(const struct cpu *c)
{
	u64 deadline = clock_ns() + PATIENCE_NS;
	while (!load_acquire(&c->stopped_at) && !clock_passed(deadline))
		cpu_relax();
}

static void show(const struct cpu *c)
{
	if (!c->stopped_at) {
		printk("\nCPU %u (task %s) did not stop\n", c->id, cpu_task_name(c->id));
		return;
	}
	printk("\nCPU %u (task %s):\n", c->id, cpu_task_name(c->id));
	print_regs(c->stopped_at);
	backtrace(c->stopped_at->eip, c->stopped_at->ebp);
}

/* Any context. panic() calls it once: of two CPUs that panic at the same time one
 * waits, in HLT, to be stopped by the other. */
static void stop_others(void)
{
	u32 cpu, me = this_cpu()->id;
	atomic_xchg(&stopping, 1u);
	printk("that was CPU %u (task %s)\n", me, cpu_task_name(me));
	for_each_cpu_in(cpu, cpus_others())
		lapic_send_nmi(cpus[cpu]->apic_id);
	for_each_cpu_in(cpu, cpus_others())
		wait_for_stop(cpus[cpu]);
	for_each_cpu_in(cpu, cpus_others())
		show(cpus[cpu]);
}

void stop_init(void)
{
	panic_stop_others = stop_others;
}
