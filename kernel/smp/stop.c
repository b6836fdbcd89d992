/* The end of the machine: every CPU stops where it is, and is shown. The CPU that panicked shows
 * itself after that (x86/panic.c), so that its lines stay on the screen. */
#include "lib/format.h"
#include "lib/string.h"
#include "smp/idle.h"
#include "smp/ipi.h"
#include "smp/nmi.h"
#include "x86/apic.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/panic.h"
#include "x86/symbols.h"

#define LINE 78		/* characters of a CPU's line on the screen */
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

/* NMI context. The registers stay on this CPU's stack, which is not used any
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

/* On the serial line and in the log all there is; on the screen, where all CPUs have to fit, a line. */
static void show_in_full(const struct cpu *c)
{
	console_route(CONSOLE_TO_LOG);
	printk("\nCPU %u (task %s):\n", c->id, cpu_task_name(c->id));
	print_regs(c->stopped_at);
	backtrace_regs(c->stopped_at);
	console_route(CONSOLE_TO_ALL);
}

static void show_in_short(const struct cpu *c)
{
	u32 eip = c->stopped_at->eip, ebp = c->stopped_at->ebp;
	char line[LINE + 1], name[64];
	u32 used = (u32)snprintf(line, sizeof(line), "CPU %u (%s):", c->id, cpu_task_name(c->id));

	do {
		symbolise(eip, name, sizeof(name));
		if (used + 3 + strlen(name) > LINE)
			break;
		used += (u32)snprintf(line + used, sizeof(line) - used, ebp == c->stopped_at->ebp ? " %s" : " < %s", name);
	} while (frame_up(&ebp, &eip));
	console_route(CONSOLE_TO_SCREEN);
	printk("%s\n", line);
	console_route(CONSOLE_TO_ALL);
}

/* One line for all: an idle CPU has nothing to tell. */
static void show_idle(cpumask_t idle)
{
	u32 cpu;

	if (!idle)
		return;
	printk("idle: CPU");
	for_each_cpu_in(cpu, idle)
		printk(" %u", cpu);
	printk("\n");
}

static cpumask_t stopped_cpus(void)
{
	cpumask_t stopped = 0;
	u32 cpu;

	for_each_cpu_in(cpu, cpus_others()) {
		if (cpus[cpu]->stopped_at)
			stopped |= CPU_BIT(cpu);
		else
			printk("CPU %u (task %s) did not stop\n", cpu, cpu_task_name(cpu));
	}
	return stopped;
}

static void show_others(void)
{
	cpumask_t stopped = stopped_cpus(), idle = cpus_idle(stopped);
	u32 cpu;

	for_each_cpu_in(cpu, stopped & ~idle)
		show_in_full(cpus[cpu]);
	for_each_cpu_in(cpu, stopped & ~idle)
		show_in_short(cpus[cpu]);
	show_idle(idle);
}

/* Any context. panic() calls it once: of two CPUs that panic at the same time one
 * waits, in HLT, to be stopped by the other. */
static void stop_others(void)
{
	u32 cpu, me = this_cpu()->id;

	snprintf(panic_cpu, sizeof(panic_cpu), "CPU %u (task %s)", me, cpu_task_name(me));
	atomic_xchg(&stopping, 1u);
	for_each_cpu_in(cpu, cpus_others())
		lapic_send_nmi(cpus[cpu]->apic_id);
	for_each_cpu_in(cpu, cpus_others())
		wait_for_stop(cpus[cpu]);
	show_others();
}

void stop_init(void)
{
	panic_stop_others = stop_others;
}
