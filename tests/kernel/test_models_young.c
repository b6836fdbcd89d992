/* What the model of young refutes, refuted in the C (docs/TESTING.md, "Models and the C"). */
#include "entry/chrdev.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "module/module.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "shell/hazard.h"
#include "shell/ktest.h"
#include "smp/ipi.h"
#include "tests/kernel/on_cpu.h"
#include "tests/kernel/tests.h"
#include "unload/counts.h"
#include "unload/unload.h"
#include "x86/atomic.h"
#include "x86/clock.h"

#define PATIENCE (20 * NSEC_PER_SEC)
#define SHORT    (30 * NSEC_PER_MSEC)
#define NOBODYS  MAX_OWNERS		/* the slot of no module */

/* -- ENTRANCES_FIRST: in which order the counts are added up ------------------------------------------ */

static u32 sum;

static void adds_up(void *unused)
{
	(void)unused;
	sum = count_inside(NOBODYS);
}

/*	the sum				this task
 *					A is inside
 *	exits: 0
 *	(held here)
 *					B enters, and leaves
 *	entrances: 2 (with the entrances first: 1 in, 1 out)
 */
static int another_comes_and_goes(void)
{
	count_entrance(NOBODYS);
	CHECK(sync_hold("counts:exits", 1) == 0);
	struct task *t = task_create("adds up", PRIO_NORMAL, adds_up, NULL);
	CHECK(!IS_ERR(t));
	int held = sync_wait_held("counts:exits", from_now(PATIENCE));
	count_entrance(NOBODYS);
	count_exit(NOBODYS);
	sync_reset();
	int err = task_join(t, from_now(PATIENCE));
	task_put(t);
	count_exit(NOBODYS);
	CHECK(!held && !err && sum == 2);
	return 0;
}

int test_model_young_entrances_first(void) { return another_comes_and_goes(); }

/* -- NO_IPI: an entrance that is still in a store buffer ------------------------------------------------ */

/* No emulator here has a store buffer that lasts, so this task is one: its CPU has raised the count, and read
 * the driver's function, and the store becomes visible to others with the next interrupt, as on hardware. */
static struct { u32 slot; volatile bool there, go; struct task *task; } buffer;

static bool posted_to(const struct cpu *c)
{
	for (u32 w = 0; w < ARRAY_SIZE(c->inbox); w++)
		if (READ_ONCE(c->inbox[w]))
			return true;
	return false;
}

static void buffers_its_store(void *unused)
{
	u32 flags = irq_save();

	(void)unused;
	buffer.there = true;
	while (!posted_to(this_cpu()) && !buffer.go)
		cpu_relax();
	count_entrance(buffer.slot);
	ipi_serve();
	irq_restore(flags);
	while (!buffer.go)
		cpu_relax();
	count_exit(buffer.slot);
}

static struct unload request;

static int unload_null(u64 patience)
{
	memset(&request, 0, sizeof(request));
	strlcpy(request.name, "null", sizeof(request.name));
	request.patience_ns = patience;
	return module_unload(&request);
}

static int entrance_in_the_buffer(void)
{
	struct load_error why;
	struct module *m;

	CHECK(module_load_by_name("null", "", &m, &why) == 0);
	buffer.slot = m->owner.slot;
	buffer.there = buffer.go = false;
	buffer.task = task_create_on(1, "buffer", PRIO_TOP, buffers_its_store, NULL);
	CHECK(!IS_ERR(buffer.task));
	for (u64 limit = clock_ns() + PATIENCE; !buffer.there && !clock_passed(limit); )
		cpu_relax();
	int early = unload_null(SHORT);
	buffer.go = true;
	int err = task_join(buffer.task, from_now(PATIENCE));
	task_put(buffer.task);
	CHECK(early == -ETIMEDOUT && !err);
	CHECK(unload_null(PATIENCE) == 0);
	return 0;
}

static int under_young(void)
{
	const char *usual = strategy->name;

	CHECK(strategy_choose("young") == 0);
	int err = entrance_in_the_buffer(), back = strategy_choose(usual);
	return err ? err : back;
}

int test_model_young_store_buffer(void) { return ON_CPU(0, 2, under_young()); }
