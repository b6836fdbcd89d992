/* The end of a record waits for what is in its function, or has found it; and those that wait for a
 * module hear of its end. Each test holds one side, and checks that the other side waits. */
#include "entry/chrdev.h"
#include "entry/dma.h"
#include "entry/notifier.h"
#include "entry/thread.h"
#include "entry/timer.h"
#include "entry/work.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "shell/ktest.h"
#include "tests/kernel/fake_module.h"
#include "tests/kernel/on_cpu.h"
#include "tests/kernel/tests.h"
#include "x86/atomic.h"
#include "x86/clock.h"

#define PATIENCE (20 * NSEC_PER_SEC)
#define SOON     (5 * NSEC_PER_SEC)	/* far below PATIENCE: woken, not timed out */

#define CHECK_SOON(cond)                                                        \
	do {                                                                    \
		u64 deadline_ = clock_ns() + PATIENCE;                          \
		while (!(cond) && !clock_passed(deadline_))                     \
			sleep_ms(1);                                            \
		CHECK(cond);                                                    \
	} while (0)

/* -- the module ------------------------------------------------------------------ */

#define GUEST_TEXT noinline __attribute__((section(".text.fake_guest")))
__asm__(".pushsection .text.fake_guest, 0, \"ax\", @progbits\n"
        "fake_guest_start:\n"
        ".popsection\n"
        ".pushsection .text.fake_guest, 1, \"ax\", @progbits\n"
        "fake_guest_end:\n"
        ".popsection\n");
extern const char fake_guest_start[], fake_guest_end[];

static struct owner guest;
static u32 inside, stops;
static bool hold;
static int armed_again;
static struct timer *t;
static struct work *w;
static struct thread *th;
static struct notifier *n;

/* Heeds no sign to leave until the test has seen enough. */
static GUEST_TEXT void stays(void *unused)
{
	(void)unused;
	WRITE_ONCE(inside, 1);
	while (READ_ONCE(hold))
		sleep_ms(1);
	WRITE_ONCE(inside, 0);
}

static GUEST_TEXT void is_notified(u32 event, void *data, void *arg)
{
	(void)event, (void)data;
	stays(arg);
}

/* In its interrupt until it is released; then it arms itself. */
static GUEST_TEXT void arms_itself(void *unused)
{
	(void)unused;
	WRITE_ONCE(inside, 1);
	while (READ_ONCE(hold))
		cpu_relax();
	WRITE_ONCE(armed_again, timer_arm(t, NSEC_PER_MSEC));
	WRITE_ONCE(inside, 0);
}

static GUEST_TEXT void does_nothing(void *unused) { (void)unused; }

static GUEST_TEXT int flushes(void)
{
	int err = work_flush(w);

	return err ? err : 1;
}

static GUEST_TEXT int waits(void)
{
	static struct wait_queue never = WAIT_QUEUE(never, "guest");
	int err = wait_event(&never, false);

	return err ? err : 1;
}

/* A function of the core in which a task waits for the module that called it. */
static noinline int core_waits(void)
{
	static struct wait_queue never = WAIT_QUEUE(never, "core");
	int err = wait_event(&never, false);

	return err ? err : 1;
}

static GUEST_TEXT int waits_elsewhere(void)
{
	int err = core_waits();

	return err ? err : 1;
}

/* A device that cannot be stopped. */
static GUEST_TEXT void never_stops(void *unused)
{
	(void)unused;
	WRITE_ONCE(stops, stops + 1);
	for (;;)
		sleep_ms(10);
}

static const struct chrdev_ops no_ops;

static int with_guest(int (*body)(void))
{
	u32 blocks = heap_used_blocks();
	int err = fake_comes_at(&guest, "guest", fake_guest_start, (u32)(fake_guest_end - fake_guest_start)), end = 0;

	if (err)
		return err;
	inside = stops = 0;
	hold = true;
	err = body();
	WRITE_ONCE(hold, false);
	sync_reset();
	if (guest.state != OWNER_GONE)
		end = fake_goes(&guest);
	if (!err && !end)
		CHECK(heap_used_blocks() <= blocks);	/* the boot may have given some back meanwhile */
	return err ? err : end;
}

/* -- a task that does something which may have to wait --------------------------------- */

static struct doer { int (*what)(void); struct task *task; int result; } doer;

static void do_it(void *unused)
{
	(void)unused;
	WRITE_ONCE(doer.result, doer.what());
}

static int start(int (*what)(void))
{
	doer = (struct doer){ .what = what, .result = 1234 };
	doer.task = task_create_on(0, "doer", PRIO_NORMAL, do_it, NULL);	/* the others may be held */
	return IS_ERR(doer.task) ? PTR_ERR(doer.task) : 0;
}

static bool still_waits(void)
{
	return task_join(doer.task, clock_ns() + 20 * NSEC_PER_MSEC) == -ETIMEDOUT;
}

static bool waits_for(const char *what)
{
	u64 end = clock_ns() + PATIENCE;

	while (!streq(doer.task->waiting_for, what) && !clock_passed(end))
		sleep_ms(1);
	return streq(doer.task->waiting_for, what);
}

/* 0: it has ended soon, with that result. */
static int ends_with(int result)
{
	int err = task_join(doer.task, clock_ns() + SOON);

	task_put(doer.task);
	if (!err && doer.result == result)
		return 0;
	printk("%s, %s instead of %s\n", err ? "it waits for ever" : "it ended", errno_name(doer.result), errno_name(result));
	return -EIO;
}

/* -- a function that runs ----------------------------------------------------------------- */

static int stops_thread(void)      { return kthread_stop(th); }
static int ends_notifier(void)     { return notifier_unregister(n); }
static int ends_timer(void)        { return timer_destroy(t); }

static int thread_body(void)
{
	th = kthread_run(stays, NULL, "guest");
	CHECK(!IS_ERR(th));
	CHECK_SOON(READ_ONCE(inside));
	CHECK(!start(stops_thread) && still_waits());
	WRITE_ONCE(hold, false);
	CHECK(!ends_with(0) && !inside);
	return 0;
}

int test_ends_thread(void) { return with_guest(thread_body); }

static struct notifier_chain chain = NOTIFIER_CHAIN(chain, "test");

static void calls_chain(void *unused)
{
	(void)unused;
	notifier_call(&chain, 0, NULL);
}

static int notifier_body(void)
{
	n = notifier_register(&chain, "n", is_notified, NULL, 0);
	CHECK(!IS_ERR(n));
	struct task *walker = task_create("walker", PRIO_NORMAL, calls_chain, NULL);
	CHECK(!IS_ERR(walker));
	CHECK_SOON(READ_ONCE(inside));
	CHECK(!start(ends_notifier) && still_waits());
	WRITE_ONCE(hold, false);
	CHECK(!ends_with(0) && !inside);
	CHECK(!task_join(walker, clock_ns() + PATIENCE));
	task_put(walker);
	return 0;
}

int test_ends_notifier(void) { return with_guest(notifier_body); }

static void arms(void *unused)
{
	(void)unused;
	(void)timer_arm(t, NSEC_PER_MSEC);
}

static int arm_on(u32 cpu)
{
	struct task *task = task_create_on(cpu, "arms", PRIO_NORMAL, arms, NULL);

	CHECK(!IS_ERR(task));
	CHECK_SOON(READ_ONCE(inside));		/* its CPU runs nothing else */
	task_put(task);
	return 0;
}

/*	CPU 1 (timer interrupt)			CPU 0 (timer_destroy)
 *	runs the function
 *						unlinks: must not be armed again
 *	arms itself: -ENODEV
 *						frees the record
 */
static int timer_body(void)
{
	t = timer_create("t", arms_itself, NULL);
	CHECK(!IS_ERR(t) && !arm_on(1));
	CHECK(!start(ends_timer) && still_waits());
	WRITE_ONCE(hold, false);
	CHECK(!ends_with(0) && armed_again == -ENODEV);
	return 0;
}

int test_ends_timer(void) { return ON_CPU(0, 2, with_guest(timer_body)); }

/* -- a CPU that has found the record ---------------------------------------------------------- */

/* As each look-up of a handle does (lock_timer()): with interrupts off from the find to the last use. */
static void looks_up(void *unused)
{
	(void)unused;
	u32 flags = irq_save();
	WRITE_ONCE(inside, 1);
	while (READ_ONCE(hold))
		cpu_relax();
	WRITE_ONCE(inside, 0);
	irq_restore(flags);
}

static int found_body(void)
{
	t = timer_create("t", does_nothing, NULL);
	CHECK(!IS_ERR(t));
	struct task *looker = task_create_on(1, "looker", PRIO_NORMAL, looks_up, NULL);
	CHECK(!IS_ERR(looker));
	CHECK_SOON(READ_ONCE(inside));
	CHECK(!start(ends_timer) && still_waits());
	WRITE_ONCE(hold, false);
	CHECK(!ends_with(0));
	CHECK(!task_join(looker, clock_ns() + PATIENCE));
	task_put(looker);
	return 0;
}

int test_ends_found_record(void) { return ON_CPU(0, 2, with_guest(found_body)); }

/* -- waiters for a module that goes --------------------------------------------------------------- */

/* The item is held back until the fate of the module is known; its own task must not wait for that. */
static int flush_body(void)
{
	w = work_create("w", does_nothing, NULL);
	CHECK(!IS_ERR(w));
	fake_closes(&guest);
	CHECK(work_queue(w));
	CHECK(!start(flushes) && !ends_with(-ENODEV));
	fake_comes_back(&guest);
	CHECK(!work_flush(w));
	return 0;
}

int test_ends_flush(void) { return with_guest(flush_body); }

static int sleeper_body(void)
{
	CHECK(!start(waits) && waits_for("guest") && still_waits());
	fake_closes(&guest);
	return ends_with(-ENODEV);
}

int test_ends_sleep(void) { return with_guest(sleeper_body); }

static int sleeper_elsewhere_body(void)
{
	CHECK(!start(waits_elsewhere) && waits_for("core") && still_waits());
	fake_closes(&guest);
	return ends_with(-ENODEV);
}

int test_ends_sleep_elsewhere(void) { return with_guest(sleeper_elsewhere_body); }

static int opens(void)
{
	struct file *f = file_open("guest", 0);

	return IS_ERR(f) ? PTR_ERR(f) : 1;
}

static GUEST_TEXT struct chrdev *makes_device(void) { return chrdev_register("guest", &no_ops, NULL); }

/* With the commit, not only when exit has ended and the device goes. */
static int gate_body(void)
{
	CHECK(!IS_ERR(makes_device()));
	fake_closes(&guest);
	CHECK(!start(opens));
	CHECK_SOON(READ_ONCE(guest.gate_users) == 1);
	CHECK(owner_commit_gone(&guest, owner_epoch(&guest)));
	int err = ends_with(-ENODEV);
	CHECK(!fake_leaves(&guest));
	return err;
}

int test_ends_gate(void) { return with_guest(gate_body); }

static int unregisters(void)
{
	owner_unregister(&guest);
	return 0;
}

/* A task at the gate uses the owner. */
static int gate_is_left_body(void)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	owner_gate_enter(&guest);
	spin_unlock_irqrestore(&registry_lock, flags);
	CHECK(!start(unregisters) && still_waits());
	owner_gate_leave(&guest);
	return ends_with(0);
}

int test_ends_gate_is_left(void) { return with_guest(gate_is_left_body); }

static int waits_for_files(void) { return owner_wait_files(&guest, WAIT_FOREVER, WAIT_FOREVER); }

static int last_close_body(void)
{
	CHECK(!IS_ERR(makes_device()));
	struct file *f = file_open("guest", 0);
	CHECK(!IS_ERR(f));
	CHECK(!start(waits_for_files) && waits_for("module gate") && still_waits());
	file_close(f);
	return ends_with(0);
}

int test_ends_last_file(void) { return with_guest(last_close_body); }

/* -- a device that does not stop -------------------------------------------------------------------- */

static int unlinks(void)
{
	entries_unlink(&guest, NULL, NULL);
	return 0;
}

/* It may write on, so its memory stays. */
static int dma_body(void)
{
	CHECK(!IS_ERR(dma_map("d", (void *)guest.base, 4, never_stops, NULL)));
	fake_closes(&guest);
	CHECK(owner_commit_gone(&guest, owner_epoch(&guest)));
	CHECK(!start(unlinks) && !ends_with(0));
	CHECK(stops == 1 && guest.stays);
	return fake_leaves(&guest);
}

int test_ends_dma_that_goes_on(void) { return with_guest(dma_body); }
