#include "smp/percpu.h"
#include "smp/bringup.h"

struct cpu *cpus[NR_CPUS];
u32 nr_cpus;
cpumask_t cpus_online;

/* Before there is a scheduler nobody asks for one. */
static void nothing_to_schedule(void) { }
void (*preempt_hook)(void) = nothing_to_schedule;

/* The boot CPU needs GS before there is a heap. */
static struct cpu boot_cpu;

void percpu_init_boot(void)
{
	boot_cpu.self = &boot_cpu;
	descriptors_load(&boot_cpu.hw, &boot_cpu);
	cpus[0] = &boot_cpu;
	nr_cpus = 1;
	cpus_online = CPU_BIT(0);
	boot_cpu.online = true;
}
