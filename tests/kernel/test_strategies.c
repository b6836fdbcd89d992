/* The proposals: each unloads what is idle and leaves nothing (or what its author says
 * it leaves), and does with what is in use as its author says. */
#include "entry/chrdev.h"
#include "entry/stage.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/modspace.h"
#include "module/module.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "shell/balance_sheet.h"
#include "shell/hazard.h"
#include "shell/ktest.h"
#include "tests/kernel/on_cpu.h"
#include "tests/kernel/tests.h"
#include "unload/graveyard.h"
#include "unload/remove.h"
#include "unload/unload.h"
#include "x86/clock.h"
#include "x86/console.h"

#define PATIENCE (20 * NSEC_PER_SEC)
#define SHORT    (30 * NSEC_PER_MSEC)

static struct unload request;	/* one test at a time */

/* Each refusal gives a reason, behind the module's name: `err`, or else -EPROTO. */
static int in_words(int err)
{
	static char text[256];
	u32 len = strlen(request.name);

	if (!err)
		return 0;
	unload_text(&request, err, false, text, sizeof(text));
	if (!strncmp(text, request.name, len) && strlen(text) > len + 8 && !strstr(text, "gave no reason"))
		return err;
	printk("%s: %s says \"%s\"\n", strategy->name, errno_name(err), text);
	return -EPROTO;
}

static int unload_guinea(u32 flags, u64 patience)
{
	memset(&request, 0, sizeof(request));
	strlcpy(request.name, "guinea", sizeof(request.name));
	request.flags = flags;
	request.patience_ns = patience;
	return in_words(module_unload(&request));
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
		after = balance_after(&sheet, PATIENCE);
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

/* -- refusals --------------------------------------------------------------------------- */

static int refused(const char *name, u32 flags)
{
	memset(&request, 0, sizeof(request));
	strlcpy(request.name, name, sizeof(request.name));
	request.flags = flags;
	request.patience_ns = SHORT;
	return in_words(module_unload(&request));
}

/* Of a module that is not there, and of one that others use, by any way to ask. */
static int refusals(void)
{
	static const u32 ways[] = { 0, UNLOAD_WAIT, UNLOAD_REVOKE, UNLOAD_WAIT | UNLOAD_REVOKE };
	struct load_error why;
	int err = 0;

	CHECK(module_load_by_name("average", "", NULL, &why) == 0);
	for (u32 i = 0; i < ARRAY_SIZE(ways) && !err; i++) {
		int absent = refused("no_such_module", ways[i]), used = refused("mathlib", ways[i]);

		if (absent != -ENOENT || used >= 0 || used == -EPROTO) {
			printk("flags %u: absent: %d, in use: %d\n", ways[i], absent, used);
			err = -EIO;
		}
	}
	CHECK(strategy_choose("trap") == 0);	/* whose unload leaves nothing behind */
	CHECK(refused("average", UNLOAD_WAIT) == 0 && refused("mathlib", UNLOAD_WAIT) == 0);
	return err;
}

int test_strategy_refusals(void) { return with_each(refusals); }

/* -- inside ---------------------------------------------------------------------------- */

struct reader { u32 len; int result; struct task *task; };

static void reader_task(void *arg)
{
	struct reader *r = arg;
	char buf[4];
	struct file *f = file_open("guinea", 0);

	r->result = IS_ERR(f) ? PTR_ERR(f) : file_read(f, buf, r->len);
	if (!IS_ERR(f))
		file_close(f);
}

/* A reader that is held inside, at guinea:read. */
static int start_reader(struct reader *r)
{
	*r = (struct reader){ .len = 1 };
	CHECK(sync_hold("guinea:read", 1) == 0);
	r->task = task_create("reader", PRIO_NORMAL, reader_task, r);
	CHECK(!IS_ERR(r->task));
	CHECK(sync_wait_held("guinea:read", from_now(PATIENCE)) == 0);
	return 0;
}

static int end_reader(struct reader *r)
{
	sync_release("guinea:read");
	int err = task_join(r->task, from_now(PATIENCE));
	task_put(r->task);
	return err;
}

static int with_guinea(const char *name, int (*body)(void))
{
	const char *usual = strategy->name;
	struct balance_sheet sheet = balance_take(), after;
	struct load_error why;

	CHECK(strategy_choose(name) == 0);
	CHECK(module_load_by_name("guinea", "", NULL, &why) == 0);
	int err = body();
	sync_reset();
	CHECK(strategy_choose(usual) == 0);
	CHECK(!guinea_is_loaded() || unload_guinea(UNLOAD_WAIT | UNLOAD_REVOKE, PATIENCE) == 0);
	remains_sweep();
	after = balance_after(&sheet, PATIENCE);
	CHECK(balance_compare(name, &sheet, &after));
	return err;
}

/* His ticks are of a real length, also when a seed makes ours short. */
static int johnson_waits(void)
{
	CHECK(unload_guinea(0, PATIENCE) == 0);
	CHECK(request.report.total_ns >= nr_cpus * 10 * NSEC_PER_MSEC);
	return 0;
}

int test_strategy_johnson_waits(void) { return with_guinea("johnson", johnson_waits); }

/* "If it's not unused, quit unless we are told to block." */
static int russell_waits(void)
{
	struct reader r;

	CHECK(start_reader(&r) == 0);
	CHECK(unload_guinea(0, SHORT) == -EWOULDBLOCK);
	CHECK(unload_guinea(UNLOAD_WAIT, SHORT) == -ETIMEDOUT);
	struct file *f = file_open("guinea", 0);
	CHECK(!IS_ERR(f));			/* live again */
	file_close(f);
	CHECK(end_reader(&r) == 0 && r.result == 1);
	CHECK(unload_guinea(UNLOAD_WAIT, PATIENCE) == 0);
	return 0;
}

int test_strategy_russell_waits(void) { return with_guinea("russell", russell_waits); }

static int unload_result;

static void unload_in_time(void *unused)
{
	(void)unused;
	unload_result = unload_guinea(0, PATIENCE);
}

/* Who leaves last wakes it: it does not wait until its patience is over, and looks again then. */
static int young_is_woken(void)
{
	struct reader r;

	CHECK(start_reader(&r) == 0);
	struct task *t = task_create("rmmod", PRIO_NORMAL, unload_in_time, NULL);
	CHECK(!IS_ERR(t));
	u64 limit = clock_ns() + PATIENCE;
	while (!streq(t->waiting_for, "module left") && !clock_passed(limit))
		sleep_ms(1);
	CHECK(end_reader(&r) == 0 && r.result == 1);
	CHECK(task_join(t, from_now(2 * PATIENCE)) == 0);
	task_put(t);
	CHECK(unload_result == 0 && request.report.total_ns < PATIENCE / 2);
	return 0;
}

int test_strategy_young_is_woken(void) { return with_guinea("young", young_is_woken); }

static int young_waits(void)
{
	struct reader r;

	CHECK(start_reader(&r) == 0);
	CHECK(unload_guinea(0, SHORT) == -ETIMEDOUT);
	CHECK(guinea_is_loaded());
	CHECK(end_reader(&r) == 0 && r.result == 1);
	CHECK(unload_guinea(0, PATIENCE) == 0);
	return 0;
}

int test_strategy_young_waits(void) { return with_guinea("young", young_waits); }

/* A task inside that is on no run queue: its CPU has to be asked; and one whose CPU does not answer may be inside. */
static void opens_loiter(void *unused)
{
	(void)unused;
	struct file *f = file_open("loiter", 0);
	if (!IS_ERR(f))
		file_close(f);
}

static void unload_loiter(void *unused)
{
	(void)unused;
	memset(&request, 0, sizeof(request));
	strlcpy(request.name, "loiter", sizeof(request.name));
	request.patience_ns = PATIENCE;
	unload_result = module_unload(&request);
}

static int waits_for_loiter(const char *params)
{
	struct load_error why;

	stage.at = stage.go = 0;
	int err = module_load_by_name("loiter", params, NULL, &why);
	if (err) {
		printk("(%s)\n", why.text);
		return err;
	}
	struct task *inside = task_create_on(1, "inside", PRIO_NORMAL, opens_loiter, NULL);
	CHECK(!IS_ERR(inside));
	for (u64 limit = from_now(PATIENCE); !stage.at && !clock_passed(limit); )
		sleep_ms(1);
	struct task *t = task_create_on(0, "rmmod", PRIO_NORMAL, unload_loiter, NULL);
	CHECK(!IS_ERR(t));
	bool waits = task_join(t, from_now(60 * NSEC_PER_MSEC)) == -ETIMEDOUT;
	stage.go = 1;
	CHECK(task_join(inside, from_now(PATIENCE)) == 0 && task_join(t, from_now(PATIENCE)) == 0);
	task_put(inside);
	task_put(t);
	CHECK(waits && unload_result == 0);
	return 0;
}

static int phillips_waits(void)
{
	const char *usual = strategy->name;
	struct balance_sheet sheet = balance_take(), after;
	u32 uses = graveyard_uses();
	int err = strategy_choose("phillips");

	err = err ? err : waits_for_loiter("keeps=1");
	remains_sweep();		/* the device, which it has no exit to take back */
	err = err ? err : waits_for_loiter("keeps=2");
	CHECK(strategy_choose(usual) == 0 && graveyard_uses() == uses);
	remains_sweep();
	after = balance_after(&sheet, PATIENCE);
	CHECK(balance_compare("phillips", &sheet, &after));
	return err;
}

int test_strategy_phillips_asks_cpus(void) { return ON_CPU(0, 2, phillips_waits()); }

/* It settles for a quarter of a second only, and a CPU may be away for longer. */
static int choose_soon(const char *name)
{
	u64 limit = clock_ns() + PATIENCE;
	int err;

	do
		err = strategy_choose(name);
	while (err == -EBUSY && !clock_passed(limit));
	return err;
}

/* Who came in before young counted is waited for before young is chosen. */
static int switch_waits(void)
{
	struct reader r;

	CHECK(start_reader(&r) == 0);
	CHECK(strategy_choose("young") == -EBUSY);
	CHECK(streq(strategy->name, "trap"));
	CHECK(end_reader(&r) == 0 && r.result == 1);
	CHECK(choose_soon("young") == 0);
	CHECK(unload_guinea(0, PATIENCE) == 0);
	return 0;
}

int test_strategy_switch_waits(void) { return with_guinea("trap", switch_waits); }

/* A file that was opened uncounted is counted by whom the strategy is changed to, and
 * leaves by the turnstile that it then has. */
static int switch_recounts(void)
{
	static const char *const order[] = { "russell", "rcu", "trap", "rcu", "young", "russell" };
	struct file *f = file_open("guinea", 0);

	CHECK(!IS_ERR(f));
	for (u32 i = 0; i < ARRAY_SIZE(order); i++) {
		CHECK(choose_soon(order[i]) == 0);
		if (!streq(order[i], "young"))
			CHECK(unload_guinea(0, SHORT) != 0);
	}
	file_close(f);
	CHECK(unload_guinea(0, SHORT) == 0);
	return 0;
}

int test_strategy_switch_recounts(void) { return with_guinea("trap", switch_recounts); }

/* While a module makes records all the time. */
static int switch_to_and_fro(void)
{
	static const char *const order[] = { "young", "trap", "russell", "trap", "machek", "trap", "owens-freezer" };

	for (u32 i = 0; i < 2 * ARRAY_SIZE(order); i++) {
		int err = strategy_choose(order[i % ARRAY_SIZE(order)]);
		CHECK(!err || err == -EBUSY);
		sleep_ms(i % 3);
	}
	return 0;
}

int test_strategy_switch_under_load(void)
{
	const char *usual = strategy->name;
	struct balance_sheet sheet = balance_take(), after;
	struct load_error why;

	CHECK(module_load_by_name("labrat", "thread=1 maker=1 busy_timer=1", NULL, &why) == 0);
	int err = switch_to_and_fro();
	CHECK(choose_soon(usual) == 0);
	memset(&request, 0, sizeof(request));
	strlcpy(request.name, "labrat", sizeof(request.name));
	request.patience_ns = PATIENCE;
	CHECK(module_unload(&request) == 0);
	after = balance_after(&sheet, PATIENCE);
	CHECK(balance_compare("switches", &sheet, &after));
	return err;
}

/* -- the director of hazards ------------------------------------------------------------ */

/* Its deadlines lie on its stack while an unload reads that. The low half of a time goes once
 * around in 4.3 seconds: some of these would be addresses of modules. */
int test_hazard_deadlines_are_no_addresses(void)
{
	for (u32 i = 0; i < 50; i++) {
		u64 ns = i * 100ull * NSEC_PER_MSEC, now = clock_ns(), at = from_now(ns);
		CHECK(!modspace_holds((u32)at));
		CHECK(at >= now + ns && at < clock_ns() + ns + 200 * NSEC_PER_MSEC);
	}
	return 0;
}

/* What is missing afterwards, of whatever kind, is seen; else no test of an unload would find a leak. */
int test_hazard_balance_sees_each_kind(void)
{
	struct balance_sheet before = balance_take(), after;
	u32 *count = (u32 *)&after;

	for (u32 i = 0; i < sizeof(after) / sizeof(u32); i++) {
		after = before;
		count[i]++;
		CHECK(!balance_compare("as it should be", &before, &after));
	}
	CHECK(balance_compare("nothing missing", &before, &before));
	return 0;
}
