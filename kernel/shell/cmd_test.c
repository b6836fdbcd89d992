/* test: the in-kernel tests. tests/kernel/ has them; the build collects every
 * `int test_...(void)` there into a table. */
#include "shell/commands.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "shell/ktest.h"
#include "shell/waits.h"
#include "smp/percpu.h"
#include "x86/clock.h"
#include "x86/console.h"

/* A test that takes minutes says so in its name, and is run only when it is named. */
static bool is_long(const char *name)
{
	u32 len = strlen(name);

	return len > 5 && streq(name + len - 5, "_long");
}

static bool selected(const char *name, int argc, char **argv)
{
	if (argc == 1)
		return !is_long(name);
	for (int i = 1; i < argc; i++) {
		if (is_long(name) ? streq(name, argv[i]) : starts_with(name, argv[i]))
			return true;
	}
	return false;
}

/* A reference that a test keeps to a task that has ended would make each balance sheet after it wait. */
#define GONE_NS (20 * NSEC_PER_SEC)

static int check_exits(const char *name)
{
	for (u64 end = clock_ns() + GONE_NS; READ_ONCE(nr_exiting); sleep_ns(NSEC_PER_MSEC)) {
		if (clock_passed(end)) {
			printk("%s: tasks that have ended and are kept: %u\n", name, READ_ONCE(nr_exiting));
			return -EIO;
		}
	}
	return 0;
}

/* One that waits out its patience says at once for what. */
static int run_watched(const struct ktest *t)
{
	struct wait_watch watch;

	wait_watch_begin(&watch, t->name);
	int err = t->run();
	err = err ? err : check_exits(t->name);
	wait_watch_end(&watch);
	return err;
}

static int test_run(int argc, char **argv)
{
	bool list = take_flag(&argc, argv, "-l");
	int err = reject_options(argc, argv);
	u32 passed = 0, failed = 0, skipped = 0;

	if (err)
		return err;
	if (!ktests[0].name)
		return shell_error(-ENOENT, "test: this kernel has no tests in it; boot the one that has: "
		                   "tools/run --direct --tests");
	for (const struct ktest *t = ktests; t->name && !shell_interrupted(); t++) {
		if (!selected(t->name, argc, argv))
			continue;
		if (list) {
			printk("%s\n", t->name);
			continue;
		}
		err = run_watched(t);
		if (err == KTEST_SKIPPED)
			skipped++;
		else if (err)
			failed++;
		else
			passed++;
		printk("%s: %s\n", t->name, err == KTEST_SKIPPED ? "skipped" : err ? errno_name(err) : "ok");
	}
	if (!list)
		printk("%u passed, %u failed, %u skipped on %u CPUs\n", passed, failed, skipped, nr_cpus);
	if (!list && !passed && !failed && !skipped)
		return shell_error(-ENOENT, "test: no test has that name; `test -l` lists them");
	return failed ? -EIO : 0;
}

static bool complete_test(u32 i, char *out, u32 size)
{
	for (const struct ktest *t = ktests; t->name; t++) {
		if (i-- == 0) {
			strlcpy(out, t->name, size);
			return true;
		}
	}
	return false;
}

const struct command test_command = {
	"test", "test [-l] [NAME...]", "run the in-kernel tests (those whose names begin so; *_long only by name)",
	test_run, complete_test,
};
