#include "tests/kernel/on_cpu.h"
#include "sched/sched.h"
#include "shell/ktest.h"
#include "smp/ipi.h"
#include "x86/console.h"

int on_cpu_begin(u32 cpu, u32 least, cpumask_t *usual)
{
	if (nr_cpus < least) {
		printk("needs %u CPUs\n", least);
		return KTEST_SKIPPED;
	}
	*usual = current->affinity;
	task_set_affinity(current, CPU_BIT(cpu));
	yield();
	return 0;
}

void on_cpu_end(cpumask_t usual)
{
	task_set_affinity(current, usual);
}
