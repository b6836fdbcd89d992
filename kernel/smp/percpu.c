#include "smp/percpu.h"
#include "smp/bringup.h"

struct cpu *cpus[NR_CPUS];
u32 nr_cpus;
cpumask_t cpus_online;

/* Before there is a scheduler nobody asks for one. */
static void nothing_to_schedule(void) { }
void (*preempt_hook)(void) = nothing_to_schedule;

/* x86/trap.c counts interrupts without knowing struct cpu: to it the counter is
 * a symbol, whose value is the distance from GS. So is `current` to assembly code. (An assembler statement outside
 * of functions takes no operands.) */
static noinline void define_gs_offsets(void)
{
	__asm__ volatile(".globl x86_gs_irq_depth\n"
	                 ".set x86_gs_irq_depth, %c0\n"
	                 ".globl percpu_task\n"
	                 ".set percpu_task, %c1"
	                 :: "i"(offsetof(struct cpu, irq_depth)), "i"(offsetof(struct cpu, task)));
}

/* The boot CPU needs GS before there is a heap. */
static struct cpu boot_cpu;

void percpu_init_boot(void)
{
	define_gs_offsets();
	boot_cpu.self = &boot_cpu;
	descriptors_load(&boot_cpu.hw, &boot_cpu);
	cpus[0] = &boot_cpu;
	nr_cpus = 1;
	cpus_online = CPU_BIT(0);
}
