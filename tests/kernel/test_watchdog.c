/* A CPU that keeps a task waiting is named, once, with its place. */
#include "lib/errno.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "sched/watchdog.h"
#include "shell/hazard.h"
#include "shell/ktest.h"
#include "smp/percpu.h"
#include "tests/kernel/tests.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/cpu.h"

#define PATIENCE (20 * NSEC_PER_SEC)

static bool spins, go;
static bool with_interrupts;

static void spinner(void *unused)
{
	(void)unused;
	preempt_disable();
	u32 flags = with_interrupts ? 0 : irq_save();
	store_release(&spins, true);
	while (!load_acquire(&go))
		cpu_relax();
	if (!with_interrupts)
		irq_restore(flags);
	preempt_enable();
}

static void waiter(void *unused) { (void)unused; }

static int wait_for(u32 reports)
{
	u64 end = clock_ns() + PATIENCE;

	while (READ_ONCE(watchdog_reports) < reports) {
		CHECK(!clock_passed(end));
		sleep_ms(1);
	}
	return 0;
}

static int join(struct task *t)
{
	CHECK(task_join(t, from_now(PATIENCE)) == 0);
	task_put(t);
	return 0;
}

/* CPU 1 spins, and then a task is queued on it. */
static int spin_on_cpu_1(bool interrupts)
{
	u32 before = READ_ONCE(watchdog_reports);

	spins = go = false;
	with_interrupts = interrupts;
	struct task *t = task_create_on(1, "spinner", PRIO_NORMAL, spinner, NULL);
	CHECK(!IS_ERR(t));
	while (!load_acquire(&spins))
		sleep_ms(1);
	struct task *w = task_create_on(1, "waiter", PRIO_NORMAL, waiter, NULL);
	int err = IS_ERR(w) ? PTR_ERR(w) : wait_for(before + 1);
	u32 said = READ_ONCE(watchdog_reports);
	if (!err)
		sleep_ms(200);		/* several looks more */
	store_release(&go, true);
	CHECK(join(t) == 0 && (IS_ERR(w) || join(w) == 0));
	CHECK(!err && said == before + 1 && READ_ONCE(watchdog_reports) == said);
	return 0;
}

int test_watchdog(void)
{
	u64 usual = watchdog_pause_ns;
	int err;

	if (nr_cpus < 2)
		return KTEST_SKIPPED;
	WRITE_ONCE(watchdog_pause_ns, NSEC_PER_MSEC);
	err = spin_on_cpu_1(true);
	if (!err)
		err = spin_on_cpu_1(false);
	WRITE_ONCE(watchdog_pause_ns, usual);
	return err;
}
