/* What trap reads ahead of its hold, and what it must read again in it (unload/ahead.c): each time a
 * stack shows an address of the module that it did not show when it was read. */
#include "lib/errno.h"
#include "lib/string.h"
#include "module/module.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "sched/wait.h"
#include "shell/balance_sheet.h"
#include "shell/hazard.h"
#include "shell/ktest.h"
#include "tests/kernel/tests.h"
#include "unload/ahead.h"
#include "unload/unload.h"
#include "x86/clock.h"

#define PATIENCE (20 * NSEC_PER_SEC)

static struct wait_queue bed = WAIT_QUEUE(bed, "holder");
static u32 address;			/* in the module; not on a stack that is read */
static u32 *volatile slot;		/* where the holder will have it */
static volatile bool go, taken, leaves, spins;
static struct task *holder;

/* Sleeps with a clean stack; then takes the address, and sleeps on or stays on its CPU. */
static void holds_later(void *unused)
{
	volatile u32 word = 0;

	(void)unused;
	slot = (u32 *)&word;
	(void)wait_event_core(&bed, go, WAIT_FOREVER);
	if (!leaves)
		word = address;
	taken = true;
	while (spins && !leaves)
		cpu_relax();
	(void)wait_event_core(&bed, leaves, WAIT_FOREVER);
	word = 0;
}

static bool comes(const volatile bool *what)
{
	u64 limit = clock_ns() + PATIENCE;

	while (!*what && !clock_passed(limit))
		sleep_ms(1);
	return *what;
}

static bool rests(struct task *t)
{
	u64 limit = clock_ns() + PATIENCE;

	while ((READ_ONCE(t->on_rq) || READ_ONCE(t->on_cpu)) && !clock_passed(limit))
		sleep_ms(1);
	return !READ_ONCE(t->on_rq) && !READ_ONCE(t->on_cpu);
}

static struct owner *labrat(void)
{
	mutex_lock(&modules_mutex);
	struct module *m = module_find("labrat");
	mutex_unlock(&modules_mutex);
	return m ? &m->owner : NULL;
}

/* -- between the look and the hold -------------------------------------------------------- */

static int nothing(void) { return 0; }

/* It ran, and sleeps again. */
static int it_ran(void)
{
	go = true;
	wake_all(&bed);
	CHECK(comes(&taken) && rests(holder));
	return 0;
}

/* It did before the look. */
static int it_had_it(void) { return 0; }

/* It runs. */
static int it_runs(void)
{
	spins = go = true;
	wake_all(&bed);
	CHECK(comes(&taken));
	return 0;
}

/* A function of the core hands it the address where it sleeps, and says so. */
static int it_was_handed(void)
{
	*slot = address;
	owner_raise_epoch(labrat());
	return 0;
}

static struct task *child;
static void child_task(void *arg) { (void)arg; }

/* A task was born with it. */
static int one_was_born(void)
{
	child = task_create_stopped("holder", PRIO_NORMAL, child_task, (void *)address);
	CHECK(!IS_ERR(child));
	return 0;
}

/* -- the unload ------------------------------------------------------------------------------ */

struct asker { struct unload u; int err; };

static void asker_task(void *arg)
{
	struct asker *a = arg;

	a->err = module_unload(&a->u);
}

/* The asker is held between its look and its hold; what it is told in the end is in `a`. */
static int unload_while(struct asker *a, u64 patience, int (*meanwhile)(void))
{
	struct task *t;

	memset(a, 0, sizeof(*a));
	strlcpy(a->u.name, "labrat", sizeof(a->u.name));
	a->u.patience_ns = patience;
	CHECK(sync_hold("unload:looked-ahead", 1) == 0);
	t = task_create_on(0, "asker", PRIO_NORMAL, asker_task, a);
	CHECK(!IS_ERR(t));
	int err = sync_wait_held("unload:looked-ahead", from_now(PATIENCE));
	if (!err)
		err = meanwhile();
	sync_release("unload:looked-ahead");
	CHECK(task_join(t, from_now(PATIENCE)) == 0);
	task_put(t);
	return err;
}

static void end_tasks(void)
{
	leaves = go = true;
	wake_all(&bed);
	(void)!task_join(holder, from_now(PATIENCE));
	task_put(holder);
	if (child) {
		task_start(child);
		(void)!task_join(child, from_now(PATIENCE));
		task_put(child);
	}
}

static int finds(struct asker *a, int (*meanwhile)(void), int expected)
{
	struct load_error why;

	CHECK(module_load_by_name("labrat", "", NULL, &why) == 0);
	address = labrat()->base + 16;
	go = taken = leaves = spins = false;
	child = NULL;
	holder = task_create_on(nr_cpus - 1, "holder", PRIO_LOW, holds_later, NULL);
	CHECK(!IS_ERR(holder) && rests(holder));
	if (meanwhile == it_had_it)
		CHECK(it_ran() == 0);
	int err = unload_while(a, expected ? 20 * NSEC_PER_MSEC : PATIENCE, meanwhile);
	end_tasks();
	CHECK(!err && a->err == expected);
	CHECK(!expected || a->u.report.insider[0].possible);
	CHECK(!expected || streq(a->u.report.insider[0].task_name, "holder"));
	return 0;
}

static int ahead(int (*meanwhile)(void), int expected)
{
	static struct asker a;		/* off the stack */
	struct balance_sheet before = balance_take(), after;
	const char *usual = strategy->name;
	u32 from = look_ahead_from;
	int err = strategy_choose("trap");

	look_ahead_from = 0;
	if (!err)
		err = finds(&a, meanwhile, expected);
	if (labrat() && unload_while(&a, PATIENCE, nothing))
		err = -EBUSY;
	look_ahead_from = from;
	sync_reset();
	int back = strategy_choose(usual);
	after = balance_after(&before, PATIENCE);
	CHECK(balance_compare("ahead", &before, &after));
	CHECK(!labrat());
	return err ? err : back;
}

int test_ahead_nobody_inside(void) { return ahead(nothing, 0); }
int test_ahead_finds_one_that_had_it(void) { return ahead(it_had_it, -EBUSY); }
int test_ahead_finds_one_that_ran(void) { return ahead(it_ran, -EBUSY); }
int test_ahead_finds_a_newborn(void) { return ahead(one_was_born, -EBUSY); }
int test_ahead_finds_one_that_was_handed_it(void) { return ahead(it_was_handed, -EBUSY); }

int test_ahead_finds_one_that_runs(void)
{
	if (nr_cpus < 2) {
		printk("needs two CPUs\n");
		return KTEST_SKIPPED;
	}
	return ahead(it_runs, -EBUSY);
}
