/* The proposals: each unloads what is idle and leaves nothing (or what its author says
 * it leaves), and does with what is in use as its author says. */
#include "entry/chrdev.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "module/module.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "shell/balance_sheet.h"
#include "shell/ktest.h"
#include "tests/kernel/tests.h"
#include "unload/graveyard.h"
#include "unload/remove.h"
#include "unload/unload.h"
#include "x86/clock.h"
#include "x86/console.h"

#define PATIENCE (2 * NSEC_PER_SEC)
#define SHORT    (30 * NSEC_PER_MSEC)

static struct unload request;	/* one test at a time */

static int unload_guinea(u32 flags, u64 patience)
{
	memset(&request, 0, sizeof(request));
	strlcpy(request.name, "guinea", sizeof(request.name));
	request.flags = flags;
	request.patience_ns = patience;
	return module_unload(&request);
}

static bool guinea_is_loaded(void)
{
	mutex_lock(&modules_mutex);
	bool there = module_find("guinea") != NULL;
	mutex_unlock(&modules_mutex);
	return there;
}

/* With guinea loaded, under each strategy in turn. */
static int with_each(int (*body)(void))
{
	const struct strategy *before = strategy;
	struct load_error why;
	int err = 0;

	for (u32 i = 0; i < nr_strategies && !err; i++) {
		struct balance_sheet sheet = balance_take(), after;
		u32 uses = graveyard_uses();

		err = strategy_choose(strategies[i]->name);
		if (!err)
			err = module_load_by_name("guinea", "", NULL, &why);
		if (!err)
			err = body();
		sync_reset();
		if (strategy_choose("trap") || (guinea_is_loaded() && unload_guinea(UNLOAD_WAIT | UNLOAD_REVOKE, PATIENCE)))
			err = err ? err : -EBUSY;
		remains_sweep();
		after = balance_take();
		if (!err && (graveyard_uses() != uses ||
		             !balance_compare(strategies[i]->name, &sheet, &after)))
			err = -EIO;
		if (err)
			printk("strategy %s: %s\n", strategies[i]->name, errno_name(err));
	}
	int back = strategy_choose(before->name);
	return err ? err : back;
}

/* -- idle ----------------------------------------------------------------------------- */

static int idle(void)
{
	bool leaks = streq(strategy->name, "never-free");

	CHECK(unload_guinea(0, PATIENCE) == 0);
	CHECK(!guinea_is_loaded());
	CHECK(request.report.forgotten == 0);
	CHECK((request.report.leaked != 0) == leaks);
	CHECK(remains_count() == leaks);
	return 0;
}

int test_strategy_idle(void) { return with_each(idle); }

/* -- open ------------------------------------------------------------------------------ */

/* What each does with a module whose device is open, while nobody is inside. */
static int expected_when_open(const char *name)
{
	static const char *const do_not_ask[] = { "never-free", "young" };

	for (u32 i = 0; i < ARRAY_SIZE(do_not_ask); i++)
		if (streq(name, do_not_ask[i]))
			return 0;
	return streq(name, "russell") || streq(name, "rcu") ? -EAGAIN : -EBUSY;
}

static int open(void)
{
	struct file *f = file_open("guinea", 0);
	char c;

	CHECK(!IS_ERR(f));
	int err = unload_guinea(0, SHORT);
	bool live = guinea_is_loaded();
	int n = file_read(f, &c, 1);
	file_close(f);
	CHECK(err == expected_when_open(strategy->name));
	CHECK(live == (err != 0));
	CHECK(n == (live ? 1 : -ENODEV));
	if (live)
		CHECK(unload_guinea(0, PATIENCE) == 0);
	return 0;
}

int test_strategy_open(void) { return with_each(open); }
