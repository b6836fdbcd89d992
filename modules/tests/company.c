/* company: a task beside the module that is unloaded, for tools/explore (tests/explorer/refute). It keeps CPU `cpu`, and
 * gives way after each interrupt from another CPU: so a task that shares that CPU goes on right after a question that
 * this one has answered. It is a thread or, with work=1, the work item of a worker, whose stack lies below those of
 * threads that came later. */
#include "module/api.h"

static u32 cpu = 1;
module_param(cpu, uint);
static bool work;
module_param(work, bool);

static void wait_for_interrupt(void)
{
	u32 seen = this_cpu_read(ipi_count);

	while (READ_ONCE(this_cpu()->ipi_count) == seen)
		cpu_relax();
}

static void keep_company(void *unused)
{
	(void)unused;
	current->affinity = CPU_BIT(cpu);
	while (this_cpu_read(id) != cpu)
		sleep_ns(NSEC_PER_MSEC);
	while (!kthread_should_stop()) {
		wait_for_interrupt();
		yield();
	}
}

static int start_thread(void)
{
	struct thread *t = kthread_run(keep_company, NULL, "company");

	return IS_ERR(t) ? PTR_ERR(t) : 0;
}

static int start_work(void)
{
	struct work *w = work_create("company", keep_company, NULL);

	if (IS_ERR(w))
		return PTR_ERR(w);
	work_queue(w);
	return 0;
}

static int __init company_init(void)
{
	if (cpu >= nr_cpus)
		return -EINVAL;
	return work ? start_work() : start_thread();
}
module_init(company_init);

MODULE_DESCRIPTION("Tests: keeps a CPU, and gives way after each interrupt");
MODULE_NEEDS("patience");
MODULE_LICENSE("MIT");
