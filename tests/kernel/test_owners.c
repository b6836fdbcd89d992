/* The owners of a record, and its handle. A library is the text of this
 * file's `lib_` functions, its user a few words of data. */
#include "entry/callback.h"
#include "entry/chrdev.h"
#include "entry/console_claim.h"
#include "entry/dma.h"
#include "entry/handle.h"
#include "entry/irq.h"
#include "entry/notifier.h"
#include "entry/thread.h"
#include "entry/timer.h"
#include "entry/work.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "shell/ktest.h"
#include "smp/ipi.h"
#include "tests/kernel/fake_module.h"
#include "tests/kernel/tests.h"
#include "x86/apic.h"
#include "x86/atomic.h"
#include "x86/clock.h"

#define PATIENCE (20 * NSEC_PER_SEC)
#define TEST_IRQ 6u			/* the floppy's: an edge, and nobody drives it */

#define CHECK_SOON(cond)                                                        \
	do {                                                                    \
		u64 deadline_ = clock_ns() + PATIENCE;                          \
		while (!(cond) && !clock_passed(deadline_))                     \
			sleep_ms(1);                                            \
		CHECK(cond);                                                    \
	} while (0)

/* -- the two modules ------------------------------------------------------------- */

#define LIB_TEXT noinline __attribute__((section(".text.fake_library")))
__asm__(".pushsection .text.fake_library, 0, \"ax\", @progbits\n"
        "fake_library_start:\n"
        ".popsection\n"
        ".pushsection .text.fake_library, 1, \"ax\", @progbits\n"
        "fake_library_end:\n"
        ".popsection\n");
extern const char fake_library_start[], fake_library_end[];

struct counter { u32 runs, stops, ends; };

static struct owner lib, user;
static struct { struct counter counter; struct notifier_chain chain; } of_user aligned(16);

static LIB_TEXT void lib_count(void *arg)
{
	atomic_add(&((struct counter *)arg)->runs, 1);
}

static LIB_TEXT void lib_loop(void *arg)
{
	lib_count(arg);
	while (!kthread_should_stop())
		(void)sleep_interruptible_ns(NSEC_PER_SEC);
	atomic_add(&((struct counter *)arg)->ends, 1);
}

static LIB_TEXT enum irq_result lib_irq(u32 irq, void *arg)
{
	(void)irq;
	lib_count(arg);
	return IRQ_HANDLED;
}

static LIB_TEXT void lib_notified(u32 event, void *data, void *arg)
{
	(void)event, (void)data;
	lib_count(arg);
}

static LIB_TEXT int lib_called(void *data, void *arg)
{
	(void)data;
	lib_count(arg);
	return 7;
}

static LIB_TEXT void lib_stop(void *arg)
{
	atomic_add(&((struct counter *)arg)->stops, 1);
}

static LIB_TEXT int lib_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	return (int)len;
}

static LIB_TEXT struct timer *lib_makes_timer(void (*fn)(void *), void *arg)
{
	return timer_create("made", fn, arg);
}

static LIB_TEXT struct work *lib_makes_work(void (*fn)(void *), void *arg)
{
	return work_create("made", fn, arg);
}

static LIB_TEXT int lib_claims(enum console_source s)
{
	return console_claim(s);
}

static LIB_TEXT int lib_releases(enum console_source s)
{
	return console_release(s);
}

static const struct chrdev_ops no_ops;

static LIB_TEXT struct chrdev *lib_makes_device(void *private)
{
	return chrdev_register("made", &no_ops, private);
}

static struct notifier_chain test_chain = NOTIFIER_CHAIN(test_chain, "test");

static int both_come(void)
{
	int err;

	memset(&of_user, 0, sizeof(of_user));
	of_user.chain.name = "user's";
	list_init(&of_user.chain.list);
	err = fake_comes_at(&lib, "lib", fake_library_start, (u32)(fake_library_end - fake_library_start));
	return err ? err : fake_comes_at(&user, "user", &of_user, sizeof(of_user));
}

/* `body` may have let either of them go: then its state is GONE. */
static int with_both(int (*body)(void))
{
	u32 blocks = heap_used_blocks(), entries = entries_count(NULL);
	int err = both_come(), end = 0;

	if (err)
		return err;
	err = body();
	sync_reset();
	if (user.state != OWNER_GONE)
		end = fake_goes(&user);
	if (!end && lib.state != OWNER_GONE)
		end = fake_goes(&lib);
	/* What the boot left behind may have been freed meanwhile. */
	if (!err && !end)
		CHECK(heap_used_blocks() <= blocks && entries_count(NULL) == entries);
	return err ? err : end;
}

static struct counter *const counter = &of_user.counter;

/* -- every kind: a function of the library, an argument of its user -------------------- */

static struct timer *t;
static struct work *w;
static struct thread *th;
static struct irq_action *a;
static struct notifier *n;
static struct dma *d;
static int id;

static int make_all(void)
{
	t = timer_create("t", lib_count, counter);
	w = work_create("w", lib_count, counter);
	th = kthread_run(lib_loop, counter, "th");
	a = request_irq(TEST_IRQ, lib_irq, 0, "a", counter);
	n = notifier_register(&test_chain, "n", lib_notified, counter, 0);
	d = dma_map("d", counter, sizeof(*counter), lib_stop, counter);
	id = callback_register("c", lib_called, counter);
	CHECK(!IS_ERR(t) && !IS_ERR(w) && !IS_ERR(th) && !IS_ERR(a) && !IS_ERR(n) && !IS_ERR(d) && id > 0);
	CHECK_SOON(READ_ONCE(counter->runs) == 1);		/* the thread's */
	return 0;
}

static int all_are_dead(void)
{
	CHECK(timer_arm(t, 0) == -ENODEV && !timer_cancel(t) && timer_destroy(t) == -ENODEV);
	CHECK(!work_queue(w) && !work_queue_after_grace(w) && !work_cancel(w));
	CHECK(work_flush(w) == -ENODEV && work_destroy(w) == -ENODEV);
	CHECK(kthread_stop(th) == -ENODEV);
	CHECK(free_irq(a) == -ENODEV);
	CHECK(notifier_unregister(n) == -ENODEV);
	CHECK(!dma_address(d) && dma_unmap(d) == -ENODEV);
	CHECK(callback_call(id, NULL) == -ENODEV && callback_unregister(id) == -ENODEV);
	return 0;
}

static int argument_body(void)
{
	CHECK(!make_all());
	CHECK(entries_count(&lib) == 7 && entries_count(&user) == 7);

	/* The user goes, and stays after all: nothing runs meanwhile. */
	fake_closes(&user);
	owner_stop_threads(&user);
	CHECK_SOON(READ_ONCE(counter->ends) == 1);
	u32 epoch = owner_epoch(&user);
	CHECK(timer_arm(t, 0) == -ENODEV && owner_epoch(&user) == epoch + 1);
	CHECK(work_queue(w) && owner_epoch(&user) == epoch + 2);
	CHECK(callback_call(id, NULL) == -ENODEV);
	notifier_call(&test_chain, 0, NULL);
	sleep_ms(5);
	CHECK(READ_ONCE(counter->runs) == 1);
	CHECK(PTR_ERR(timer_create("late", lib_count, counter)) == -ENODEV);
	fake_comes_back(&user);
	CHECK_SOON(READ_ONCE(counter->runs) == 4);		/* timer, work, thread */
	CHECK(callback_call(id, NULL) == 7);

	/* It goes; the library stays, with handles that lead nowhere. */
	CHECK(!fake_goes(&user));
	CHECK(entries_count(&lib) == 0 && counter->stops == 1 && counter->ends == 2);
	CHECK(list_empty(&test_chain.list));
	CHECK(!all_are_dead());
	/* New records in the same memory and the same slots are other ones. */
	struct timer *other = timer_create("other", lib_count, NULL);
	CHECK(!IS_ERR(other) && other != t && timer_destroy(t) == -ENODEV);
	CHECK(!timer_destroy(other));
	return 0;
}

int test_owners_argument(void)
{
	return with_both(argument_body);
}

/* The library goes: the same, seen from the other side. */
static int function_body(void)
{
	CHECK(!make_all());
	CHECK(!fake_goes(&lib));
	CHECK(entries_count(&user) == 0 && counter->stops == 1);
	return all_are_dead();
}

int test_owners_function(void)
{
	return with_both(function_body);
}

/* A function of the core, an object of a module; and a chain of a module. */
static int core_function_body(void)
{
	struct timer *core = timer_create("wake", (void (*)(void *))wake_all, counter);
	struct work *free = work_create("free", kfree, counter);
	struct notifier *on = notifier_register(&of_user.chain, "on", lib_notified, NULL, 0);

	CHECK(!IS_ERR(core) && !IS_ERR(free) && !IS_ERR(on));
	CHECK(entries_count(&user) == 3 && entries_count(&lib) == 1);
	CHECK(!timer_arm(core, 5 * NSEC_PER_MSEC));
	CHECK(!fake_goes(&user));
	sleep_ms(10);
	CHECK(timer_destroy(core) == -ENODEV && entries_count(&lib) == 0);
	return 0;
}

int test_owners_core_function(void)
{
	return with_both(core_function_body);
}

/* The maker is an owner too, and the only one if nothing else leads into a module. */
static int maker_body(void)
{
	struct timer *numbered = lib_makes_timer((void (*)(void *))wake_all, (void *)5);
	struct timer *users = lib_makes_timer((void (*)(void *))wake_all, counter);
	struct chrdev *empty = lib_makes_device(NULL);

	CHECK(!IS_ERR(numbered) && !IS_ERR(users) && !IS_ERR(empty));
	CHECK(entries_count(&lib) == 3 && entries_count(&user) == 1);
	CHECK(PTR_ERR(file_open("no such", 0)) == -ENODEV);
	CHECK(!fake_goes(&lib));
	CHECK(PTR_ERR(file_open("made", 0)) == -ENODEV);
	CHECK(entries_count(&user) == 0);
	return 0;
}

int test_owners_maker(void)
{
	return with_both(maker_body);
}

/* A task in a record's function shows each of the record's modules to an inspection, even if
 * that is only the maker; and no longer than that. */
static u32 showing;

static void look_for_lib(struct task *task, u32 sp, void *arg)
{
	(void)arg;
	if (task->state == TASK_ZOMBIE)		/* its stack may be gone */
		return;
	for (const u32 *word = (const u32 *)sp; word < (const u32 *)task->scan_top; word++)
		if (owner_holds(&lib, *word)) {
			showing++;
			return;
		}
}

static u32 tasks_that_show(void)
{
	showing = 0;
	for (struct task *task = task_next(NULL); task; task = task_next(task))
		if (task != current)
			(void)task_look_at_rest(task, look_for_lib, NULL);
	return showing;
}

static u32 core_runs;

static void core_count(void *arg)
{
	(void)arg;
	atomic_add(&core_runs, 1);
}

static int core_called(void *data, void *arg)
{
	(void)data, (void)arg;
	return 7;
}

static LIB_TEXT int lib_makes_callback(void) { return callback_register("made", core_called, NULL); }

static void calls_it(void *unused)
{
	(void)unused;
	(void)!callback_call(id, NULL);
}

static void core_notified(u32 event, void *data, void *arg) { (void)event, (void)data, (void)arg; }

static LIB_TEXT struct notifier *lib_makes_notifier(void)
{
	return notifier_register(&test_chain, "made", core_notified, NULL, 0);
}

static void calls_chain(void *unused)
{
	(void)unused;
	notifier_call(&test_chain, 0, NULL);
}

/* A task that is about to enter by `fn`, held at `where`. */
static int caller_shows(void (*fn)(void *), const char *where)
{
	CHECK(!sync_hold(where, 1));
	struct task *caller = task_create("caller", PRIO_NORMAL, fn, NULL);
	CHECK(!IS_ERR(caller) && !sync_wait_held(where, clock_ns() + PATIENCE));
	CHECK_SOON(tasks_that_show() == 1);
	sync_release(where);
	CHECK(!task_join(caller, clock_ns() + PATIENCE));
	task_put(caller);
	return 0;
}

static int callers_shown_body(void)
{
	id = lib_makes_callback();
	CHECK(id > 0 && tasks_that_show() == 0);
	CHECK(!caller_shows(calls_it, "callback:call"));
	n = lib_makes_notifier();
	CHECK(!IS_ERR(n));
	return caller_shows(calls_chain, "notifier:call");
}

int test_owners_callers_shown(void)
{
	return with_both(callers_shown_body);
}

static int shown_body(void)
{
	core_runs = 0;
	w = lib_makes_work(core_count, NULL);
	CHECK(!IS_ERR(w) && entries_count(&lib) == 1);
	CHECK(tasks_that_show() == 0);
	CHECK(!sync_hold("work:taken", 1) && work_queue(w));
	CHECK(!sync_wait_held("work:taken", clock_ns() + PATIENCE));
	CHECK_SOON(tasks_that_show() == 1);
	sync_release("work:taken");
	CHECK(!work_flush(w) && core_runs == 1);
	CHECK_SOON(tasks_that_show() == 0);
	return 0;
}

int test_owners_shown(void)
{
	return with_both(shown_body);
}

/* A source of the console comes back with the module that has claimed it. */
static int claim_body(void)
{
	int err = lib_claims(CONSOLE_SERIAL);

	if (err == -ENODEV)
		return KTEST_SKIPPED;
	CHECK(!err && entries_count(&lib) == 1);
	CHECK(lib_claims(CONSOLE_SERIAL) == -EBUSY);
	CHECK(console_release(CONSOLE_SERIAL) == -EPERM);	/* it is not the core's */
	CHECK(!lib_releases(CONSOLE_SERIAL) && entries_count(&lib) == 0);
	CHECK(lib_releases(CONSOLE_SERIAL) == -EPERM && lib_claims(CONSOLE_NR_SOURCES) == -EINVAL);
	CHECK(!lib_claims(CONSOLE_SERIAL));
	CHECK(!fake_goes(&lib));
	CHECK(!console_claim(CONSOLE_SERIAL) && !console_release(CONSOLE_SERIAL));
	return 0;
}

int test_owners_console_claim(void)
{
	return with_both(claim_body);
}

/* A device's functions and data are one module's. */
static int device_body(void)
{
	const struct chrdev_ops ops = { .read = lib_read };
	struct chrdev *dev;

	CHECK(PTR_ERR(chrdev_register("two", &ops, counter)) == -EINVAL);
	dev = chrdev_register("data", &no_ops, counter);
	CHECK(!IS_ERR(dev) && entries_count(&user) == 1 && chrdev_private(dev) == counter);
	CHECK(!fake_goes(&user));
	CHECK(!chrdev_private(dev) && chrdev_unregister(dev) == -ENODEV);
	CHECK(PTR_ERR(file_open("data", 0)) == -ENODEV);
	return 0;
}

int test_owners_device(void)
{
	return with_both(device_body);
}

/* A device of the user's that the library made: an opener waits at the user's gate while
 * the library has it closed, and goes on, or gets -ENODEV, when the library's fate is known. */
static int opened;

static void open_task(void *unused)
{
	struct file *f = file_open("made", 0);

	(void)unused;
	WRITE_ONCE(opened, IS_ERR(f) ? PTR_ERR(f) : 1);
	if (!IS_ERR(f))
		file_close(f);
}

static int wait_at_gate(struct task **task)
{
	opened = 0;
	fake_closes(&lib);
	*task = task_create("opener", PRIO_NORMAL, open_task, NULL);
	CHECK(!IS_ERR(*task));
	CHECK_SOON(READ_ONCE(user.gate_users) == 1);
	CHECK(READ_ONCE(opened) == 0);
	return 0;
}

static int gate_body(void)
{
	struct task *task;

	CHECK(!IS_ERR(lib_makes_device(counter)));
	CHECK(entries_count(&user) == 1 && entries_count(&lib) == 1);
	CHECK(!wait_at_gate(&task));
	fake_comes_back(&lib);
	CHECK(!task_join(task, clock_ns() + PATIENCE) && opened == 1);
	task_put(task);
	CHECK(!wait_at_gate(&task));
	CHECK(!fake_goes(&lib));
	CHECK(!task_join(task, clock_ns() + PATIENCE) && opened == -ENODEV);
	task_put(task);
	return 0;
}

int test_owners_gate(void)
{
	return with_both(gate_body);
}

/* -- two that go at once ------------------------------------------------------------------ */

static int two_close_body(void)
{
	struct timer *timer = timer_create("t", lib_count, counter);

	CHECK(!IS_ERR(timer) && !timer_arm(timer, 5 * NSEC_PER_MSEC));
	fake_closes(&user);
	fake_closes(&lib);
	sleep_ms(10);
	fake_comes_back(&user);
	CHECK(timer_arm(timer, 0) == -ENODEV);
	sleep_ms(5);
	CHECK(READ_ONCE(counter->runs) == 0);	/* the library has it closed still */
	fake_comes_back(&lib);
	CHECK_SOON(READ_ONCE(counter->runs) == 1);

	/* One comes back, the other goes. */
	fake_closes(&user);
	fake_closes(&lib);
	CHECK(!fake_goes(&user));
	fake_comes_back(&lib);
	CHECK(entries_count(&lib) == 0 && timer_arm(timer, 0) == -ENODEV);
	return 0;
}

int test_owners_two_close(void)
{
	return with_both(two_close_body);
}

/* Both are gone, and one has taken the record: the other's unload goes on without it. */
static int two_end_body(void)
{
	struct timer *kept = timer_create("kept", lib_count, counter);

	CHECK(!IS_ERR(kept) && !IS_ERR(timer_create("lost", lib_count, counter)));
	fake_closes(&user);
	fake_closes(&lib);
	CHECK(owner_commit_gone(&user, owner_epoch(&user)));
	owner_set_exiting(&user, current);
	CHECK(!timer_destroy(kept));		/* user's exit: freed with its others */
	owner_set_exiting(&user, NULL);
	entries_unlink(&user, NULL, NULL);
	CHECK(!fake_goes(&lib));
	CHECK(entries_count(&user) == 2);
	entries_free(&user);
	owner_unregister(&user);
	return 0;
}

int test_owners_two_end(void)
{
	return with_both(two_end_body);
}

/* -- a record is ended once --------------------------------------------------------------- */

static int destroyed, went;

static void destroy_task(void *unused)
{
	(void)unused;
	WRITE_ONCE(destroyed, work_destroy(w));
}

static void go_task(void *unused)
{
	(void)unused;
	WRITE_ONCE(went, fake_goes(&user));
}

static bool waits_for(struct task *task, const char *what)
{
	u64 limit = clock_ns() + PATIENCE;

	while (!streq(task->waiting_for, what) && !clock_passed(limit))
		sleep_ms(1);
	return streq(task->waiting_for, what);
}

static int start_and_wait(struct task **task, void (*fn)(void *), const char *what)
{
	*task = task_create("ender", PRIO_NORMAL, fn, NULL);
	CHECK(!IS_ERR(*task) && waits_for(*task, what));
	return 0;
}

/* The first of two that end the record waits for its function, the second for the first. */
static int twice_body(void (*first)(void *), void (*second)(void *))
{
	struct task *one, *two;

	destroyed = went = 1;
	w = work_create("w", lib_count, counter);
	CHECK(!IS_ERR(w) && !sync_hold("work:taken", 1) && work_queue(w));
	CHECK(!sync_wait_held("work:taken", clock_ns() + PATIENCE));
	CHECK(!start_and_wait(&one, first, "work done"));
	CHECK(!start_and_wait(&two, second, "record"));
	CHECK(READ_ONCE(destroyed) == 1 && READ_ONCE(went) == 1);
	sync_release("work:taken");
	CHECK(!task_join(one, clock_ns() + PATIENCE) && !task_join(two, clock_ns() + PATIENCE));
	task_put(one);
	task_put(two);
	CHECK(went == 0 && counter->runs == 1 && entries_count(&lib) == 0);
	return 0;
}

static int destroy_first_body(void)
{
	CHECK(!twice_body(destroy_task, go_task));
	CHECK(destroyed == 0);
	return 0;
}

static int unload_first_body(void)
{
	CHECK(!twice_body(go_task, destroy_task));
	CHECK(destroyed == -ENODEV);
	return 0;
}

int test_owners_ended_once(void)
{
	int err = with_both(destroy_first_body);

	return err ? err : with_both(unload_first_body);
}

/* -- what is gone when init has returned ----------------------------------------------------- */

static int init_body(void)
{
	void *init = &of_user;
	int cb;

	user.init_base = (u32)init;
	user.init_size = sizeof(of_user.counter);
	CHECK(PTR_ERR(timer_create("t", init, NULL)) == -EINVAL);
	CHECK(PTR_ERR(timer_create("t", lib_count, init)) == -EINVAL);
	CHECK(PTR_ERR(work_create("w", lib_count, init)) == -EINVAL);
	CHECK(PTR_ERR(kthread_run(lib_loop, init, "th")) == -EINVAL);
	CHECK(PTR_ERR(request_irq(TEST_IRQ, lib_irq, 0, "a", init)) == -EINVAL);
	CHECK(PTR_ERR(notifier_register(&test_chain, "n", lib_notified, init, 0)) == -EINVAL);
	CHECK(PTR_ERR(dma_map("d", init, 4, lib_stop, NULL)) == -EINVAL);
	CHECK(PTR_ERR(dma_map("d", of_user.chain.list.next, 4, init, NULL)) == -EINVAL);
	CHECK(PTR_ERR(chrdev_register("c", &no_ops, init)) == -EINVAL);
	cb = callback_register("c", lib_called, init);
	CHECK(cb == -EINVAL);

	user.init_base = (u32)&of_user.chain;
	user.init_size = sizeof(of_user.chain);
	CHECK(PTR_ERR(notifier_register(&of_user.chain, "n", lib_notified, NULL, 0)) == -EINVAL);
	CHECK(entries_count(&user) == 0 && entries_count(&lib) == 0);
	return 0;
}

int test_owners_init_only(void)
{
	return with_both(init_body);
}

/* -- from its own function ------------------------------------------------------------------- */

static int answers[4];

static LIB_TEXT void ends_timer(void *arg)
{
	(void)arg;
	WRITE_ONCE(answers[0], timer_destroy(t));
}

static LIB_TEXT void ends_work(void *arg)
{
	(void)arg;
	answers[0] = work_destroy(w);
	answers[1] = work_flush(w);
	WRITE_ONCE(answers[2], true);
}

static LIB_TEXT void ends_thread(void *arg)
{
	(void)arg;
	while (!READ_ONCE(th))
		sleep_ms(1);
	WRITE_ONCE(answers[0], kthread_stop(th));
}

static LIB_TEXT void ends_notifier(u32 event, void *data, void *arg)
{
	(void)event, (void)data, (void)arg;
	answers[0] = notifier_unregister(n);
}

static LIB_TEXT int ends_callback(void *data, void *arg)
{
	(void)data, (void)arg;
	answers[0] = callback_unregister(id);
	answers[1] = work_destroy(w);		/* that may call this, but does not now */
	return 0;
}

static LIB_TEXT enum irq_result ends_irq(u32 irq, void *arg)
{
	(void)irq, (void)arg;
	WRITE_ONCE(answers[0], free_irq(a));
	return IRQ_HANDLED;
}

static LIB_TEXT void ends_dma(void *arg)
{
	(void)arg;
	answers[0] = dma_unmap(d);
}

static int self_body(void)
{
	t = timer_create("t", ends_timer, NULL);
	CHECK(!IS_ERR(t) && !timer_arm(t, 0));
	CHECK_SOON(READ_ONCE(answers[0]) == -EDEADLK);
	CHECK(!timer_destroy(t));

	w = work_create("w", ends_work, NULL);
	for (u32 grace = 0; grace < 2; grace++) {
		memset(answers, 0, sizeof(answers));
		CHECK(!IS_ERR(w) && (grace ? work_queue_after_grace(w) : work_queue(w)));
		CHECK_SOON(READ_ONCE(answers[2]));
		CHECK(answers[0] == -EDEADLK && answers[1] == -EDEADLK && !work_flush(w));
	}

	id = callback_register("c", ends_callback, NULL);
	CHECK(id > 0 && !callback_call(id, NULL) && answers[0] == -EDEADLK && answers[1] == 0);
	CHECK(!callback_unregister(id));

	answers[0] = 0;
	n = notifier_register(&test_chain, "n", ends_notifier, NULL, 0);
	CHECK(!IS_ERR(n));
	notifier_call(&test_chain, 0, NULL);
	CHECK(answers[0] == -EDEADLK && !notifier_unregister(n));

	answers[0] = 0;
	th = NULL;
	struct thread *thread = kthread_run(ends_thread, NULL, "th");
	CHECK(!IS_ERR(thread));
	WRITE_ONCE(th, thread);
	CHECK_SOON(READ_ONCE(answers[0]) == -EDEADLK);
	CHECK(!kthread_stop(th));

	answers[0] = 0;
	d = dma_map("d", &of_user, 4, ends_dma, NULL);
	CHECK(!IS_ERR(d) && !dma_unmap(d) && answers[0] == -EDEADLK);
	return 0;
}

int test_owners_self(void)
{
	return with_both(self_body);
}

static int self_irq_body(void)
{
	struct irq_info line = { 0 };

	answers[0] = 0;
	a = request_irq(TEST_IRQ, ends_irq, 0, "a", NULL);
	CHECK(!IS_ERR(a));
	for (u32 i = 0; irq_nth(i, &line) && line.irq != TEST_IRQ; i++)
		;
	lapic_send(cpus[line.cpu]->apic_id, line.vector);
	CHECK_SOON(READ_ONCE(answers[0]) == -EDEADLK);
	CHECK(!free_irq(a));

	/* Nor with preemption off. */
	t = timer_create("t", lib_count, counter);
	CHECK(!IS_ERR(t));
	preempt_disable();
	int err = timer_destroy(t);
	preempt_enable();
	CHECK(err == -EDEADLK && !timer_destroy(t));
	return 0;
}

int test_owners_self_irq(void)
{
	return with_both(self_irq_body);
}

/* -- numbers --------------------------------------------------------------------------------- */

/* Two slots, just before they are used up. */
int test_owners_handles(void)
{
	struct handle_slot slot[2] = { { .generation = HANDLE_LAST_GENERATION - 2 },
	                               { .generation = HANDLE_LAST_GENERATION - 1 } };
	struct handles table = { .slot = slot, .nr_slots = 2 };
	struct entry e = { 0 };
	u32 given[4];

	u32 flags = spin_lock_irqsave(&registry_lock);
	bool found = true, stale = false;
	for (u32 i = 0; i < ARRAY_SIZE(given); i++) {
		given[i] = e.handle = handle_take(&table);
		if (!e.handle)
			continue;
		handle_publish(&table, &e);
		for (u32 k = 0; k < i; k++)
			stale |= handle_find(&table, given[k]) != NULL;
		found &= handle_find(&table, e.handle) == &e;
		handle_drop(&table, &e);
		stale |= handle_find(&table, e.handle) != NULL;
	}
	spin_unlock_irqrestore(&registry_lock, flags);
	CHECK(found && !stale);
	/* Slot 0 is good for two more handles, slot 1 for one; then there are none. */
	CHECK(given[0] == (HANDLE_LAST_GENERATION - 1) << HANDLE_SLOT_BITS);
	CHECK(given[1] == (HANDLE_LAST_GENERATION << HANDLE_SLOT_BITS | 1));
	CHECK(given[2] == HANDLE_LAST_GENERATION << HANDLE_SLOT_BITS);
	CHECK(given[3] == 0);
	CHECK(!IS_ERR((void *)given[1]) && (int)given[1] > 0);
	return 0;
}

/* -- all at once ----------------------------------------------------------------------------- */

#define HANDLES  16u
#define HAMMERS  4u
#define HAMMER_NS (400 * NSEC_PER_MSEC)

/* Of any kind, alive or stale, known to all. 0: none yet. */
static u32 shared[HANDLES];
static bool hammers_over;
static u32 unexpected;

static u32 next_random(u32 *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 16;
}

static u32 make_any(u32 kind)
{
	void *h;
	int cb;

	switch (kind) {
	case 0:
		h = timer_create("h", lib_count, counter);
		break;
	case 1:
		h = work_create("h", lib_count, counter);
		break;
	case 2:
		h = notifier_register(&test_chain, "h", lib_notified, counter, 0);
		break;
	default:
		cb = callback_register("h", lib_called, counter);
		return cb < 0 ? 0 : (u32)cb;
	}
	return IS_ERR(h) ? 0 : (u32)h;
}

/* Whatever the handle is one of, or was: each function is asked, and one at most means it. */
static void use_any(u32 handle)
{
	(void)timer_arm((struct timer *)handle, 100 * NSEC_PER_USEC);
	(void)work_queue((struct work *)handle);
	(void)!callback_call((int)handle, NULL);
	notifier_call(&test_chain, 0, NULL);
}

static void end_any(u32 handle)
{
	u32 ended = 0;

	ended += timer_destroy((struct timer *)handle) == 0;
	ended += work_destroy((struct work *)handle) == 0;
	ended += notifier_unregister((struct notifier *)handle) == 0;
	ended += callback_unregister((int)handle) == 0;
	if (ended > 1)
		atomic_add(&unexpected, 1);
}

static void hammer(void *seed)
{
	u32 state = (u32)seed;

	while (!READ_ONCE(hammers_over)) {
		u32 *place = &shared[next_random(&state) % HANDLES];
		u32 handle = READ_ONCE(*place), what = next_random(&state) % 8;

		if (what < 4)
			end_any(handle);
		if (what < 2 || !handle)
			WRITE_ONCE(*place, make_any(next_random(&state) % 4));
		else
			use_any(handle);
	}
}

/* Both go and come back, in turn and together; and now and then the user goes for good, and
 * another one comes to the same place. */
static int go_and_come(u32 *state)
{
	switch (next_random(state) % 4) {
	case 0:
		fake_closes(&lib);
		fake_comes_back(&lib);
		break;
	case 1:
		fake_closes(&user);
		fake_closes(&lib);
		fake_comes_back(&user);
		fake_comes_back(&lib);
		break;
	case 2:
		fake_closes(&user);
		/* Held back wishes raise the epoch: then it is not at rest yet. */
		if (!owner_commit_gone(&user, owner_epoch(&user)))
			return 0;
		CHECK(!fake_leaves(&user));
		CHECK(!fake_comes_at(&user, "user", &of_user, sizeof(of_user)));
		break;
	default:
		fake_closes(&user);
		fake_comes_back(&user);
	}
	return 0;
}

static int hammer_rounds(void)
{
	u64 start = clock_ns();
	u32 state = 1;

	/* Longer, where a busy host has not let anything run yet. */
	while (!clock_passed(start + HAMMER_NS) ||
	       (!READ_ONCE(counter->runs) && !clock_passed(start + PATIENCE))) {
		if (user.state == OWNER_GOING)
			fake_comes_back(&user);
		CHECK(!go_and_come(&state));
		sleep_ns(200 * NSEC_PER_USEC);
	}
	if (user.state == OWNER_GOING)
		fake_comes_back(&user);
	return 0;
}

static int hammer_body(void)
{
	struct task *task[HAMMERS];
	int err;

	memset(shared, 0, sizeof(shared));
	hammers_over = false;
	unexpected = 0;
	for (u32 i = 0; i < HAMMERS; i++) {
		task[i] = task_create("hammer", PRIO_NORMAL, hammer, (void *)(i + 1));
		CHECK(!IS_ERR(task[i]));
	}
	err = hammer_rounds();
	WRITE_ONCE(hammers_over, true);
	for (u32 i = 0; i < HAMMERS; i++) {
		CHECK(!task_join(task[i], clock_ns() + PATIENCE));
		task_put(task[i]);
	}
	for (u32 i = 0; i < HANDLES; i++)
		end_any(shared[i]);
	CHECK(!err);
	CHECK(!unexpected);
	return 0;
}

/* Everybody makes, uses and ends everybody's records, also stale ones and twice, while their
 * modules go and come. What is left in the end, if anything, is taken back with them. */
int test_owners_hammer(void)
{
	return with_both(hammer_body);
}
