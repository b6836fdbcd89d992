/* Unloading by trap and by census, which promise the same: one promise a test. */
#include "entry/chrdev.h"
#include "entry/entry.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "module/module.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "sched/wait.h"
#include "shell/balance_sheet.h"
#include "shell/hazard.h"
#include "shell/ktest.h"
#include "tests/kernel/fake_module.h"
#include "tests/kernel/on_cpu.h"
#include "tests/kernel/tests.h"
#include "unload/ahead.h"
#include "unload/graveyard.h"
#include "unload/inspect.h"
#include "unload/unload.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/console.h"

#define PATIENCE (20 * NSEC_PER_SEC)

static struct unload request;	/* one test at a time */

struct load { const char *name, *params; int err; };

static void load_task(void *arg)
{
	struct load *l = arg;
	struct load_error why;

	l->err = module_load_by_name(l->name, l->params, NULL, &why);
	if (l->err)
		printk("%s\n", why.text);
}

/* In a task of its own: the loader leaves addresses of the module on its stack, and whoever
 * rests upon those is possibly inside. */
static int load(const char *name, const char *params)
{
	struct load l = { name, params, -ETIMEDOUT };
	struct task *t = task_create("insmod", PRIO_NORMAL, load_task, &l);

	if (IS_ERR(t))
		return PTR_ERR(t);
	while (task_join(t, WAIT_FOREVER))
		;
	task_put(t);
	return l.err;
}

static int unload(const char *name, u32 flags, u64 patience)
{
	memset(&request, 0, sizeof(request));
	strlcpy(request.name, name, sizeof(request.name));
	request.flags = flags;
	request.patience_ns = patience;
	int err = module_unload(&request);
	if (err)
		printk("(%s: %s)\n", errno_name(err), request.report.error);
	return err;
}

static bool error_says(const char *text)
{
	return strstr(request.report.error, text) != NULL;
}

static bool usable(const char *device)
{
	char buf[64];
	struct file *f = file_open(device, 0);

	if (IS_ERR(f))
		return false;
	int n = file_read(f, buf, sizeof(buf));
	file_close(f);
	return n > 0;
}

/* Loads labrat, runs `body`, takes labrat out if it is still there, and checks
 * that nothing is missing and nobody touched it late. */
static int with_labrat_under(const char *name, const char *params, int (*body)(void))
{
	struct balance_sheet before = balance_take(), after;
	u32 uses = graveyard_uses();

	int err = strategy_choose(name);
	if (!err)
		err = load("labrat", params);
	if (!err)
		err = body();
	sync_reset();
	mutex_lock(&modules_mutex);
	bool there = module_find("labrat") != NULL;
	mutex_unlock(&modules_mutex);
	if (there && unload("labrat", UNLOAD_WAIT | UNLOAD_REVOKE, PATIENCE))
		err = err ? err : -EBUSY;
	after = balance_after(&before, PATIENCE);
	CHECK(graveyard_uses() == uses);
	CHECK(balance_compare("labrat", &before, &after));
	return err;
}

static int with_labrat(const char *params, int (*body)(void))
{
	const char *usual = strategy->name;
	int err = with_labrat_under("trap", params, body);

	if (!err) {
		u32 from = look_ahead_from;
		look_ahead_from = 0;		/* as with many tasks */
		err = with_labrat_under("trap", params, body);
		look_ahead_from = from;
	}
	if (!err)
		err = with_labrat_under("census", params, body);
	int back = strategy_choose(usual);
	return err ? err : back;
}

/* -- readers in other tasks ------------------------------------------------------------- */

struct reader { u32 len; int result; struct task *task; };

static void reader_task(void *arg)
{
	struct reader *r = arg;
	char buf[8];
	struct file *f = file_open("labrat", 0);

	if (IS_ERR(f)) {
		r->result = PTR_ERR(f);
		return;
	}
	r->result = file_read(f, buf, r->len);
	file_close(f);
}

static int start_reader(struct reader *r, u32 len)
{
	*r = (struct reader){ .len = len };
	r->task = task_create("reader", PRIO_NORMAL, reader_task, r);
	return IS_ERR(r->task) ? PTR_ERR(r->task) : 0;
}

/* Until sync_release("labrat:read") it is inside. */
static int hold_reader(struct reader *r)
{
	int err = sync_hold("labrat:read", 1);

	if (!err)
		err = start_reader(r, 1);
	return err ? err : sync_wait_held("labrat:read", from_now(PATIENCE));
}

static int join_reader(struct reader *r)
{
	int err = task_join(r->task, from_now(PATIENCE));

	task_put(r->task);
	return err;
}

static struct owner *labrat_owner(void)
{
	mutex_lock(&modules_mutex);
	struct module *m = module_find("labrat");
	mutex_unlock(&modules_mutex);
	return m ? &m->owner : NULL;
}

static bool rests(struct task *t)
{
	u64 limit = clock_ns() + PATIENCE;

	/* on_rq: it was preempted on its way to sleep, and will run again. */
	while ((READ_ONCE(t->on_rq) || load_acquire(&t->on_cpu)) && !clock_passed(limit))
		sleep_ms(1);
	return !READ_ONCE(t->on_rq) && !load_acquire(&t->on_cpu);
}

/* Until somebody has the device open. */
static int wait_open(void)
{
	u64 end = clock_ns() + PATIENCE;

	while (!owner_open_files(labrat_owner())) {
		if (clock_passed(end))
			return -ETIMEDOUT;
		sleep_ms(1);
	}
	return 0;
}

/* -- the tests ------------------------------------------------------------------------------ */

static int idle(void)
{
	char text[512];

	CHECK(unload("labrat", 0, PATIENCE) == 0);
	CHECK(request.report.tries >= 1);
	/* A CPU that was late has been asked again. */
	CHECK(request.report.broadcasts <= 3 || request.report.tries > 1 ||
	      request.report.total_ns >= NSEC_PER_SEC / 2);
	CHECK(request.report.forgotten >= 4);		/* labrat has no exit */
	CHECK(request.report.forgotten_allocs == 2);
	CHECK(labrat_owner() == NULL);
	unload_text(&request, 0, true, text, sizeof(text));
	CHECK(strstr(text, "labrat: out in ") && strstr(text, "2 allocations"));
	return 0;
}

int test_unload_idle(void) { return with_labrat("", idle); }

static int holder_is_named(void)
{
	static struct reader r;		/* outlives a check that fails */

	CHECK(hold_reader(&r) == 0);
	CHECK(unload("labrat", 0, 0) == -EBUSY);
	CHECK(error_says("in use by task") && error_says("(reader)"));
	CHECK(usable("labrat"));
	sync_release("labrat:read");
	CHECK(join_reader(&r) == 0 && r.result == 1);
	CHECK(unload("labrat", 0, PATIENCE) == 0);
	return 0;
}

int test_unload_names_the_holder(void) { return with_labrat("", holder_is_named); }

/* The file is cut off, but the task is still inside: the unload must find it
 * there, give up, and leave a module that works. It looks twice, at first and when its
 * patience is over: the stack of one who has not run since shows the same. */
static int inside_rolls_back(void)
{
	static struct reader r;		/* outlives a check that fails */

	CHECK(hold_reader(&r) == 0 && rests(r.task));
	CHECK(unload("labrat", UNLOAD_REVOKE, 50 * NSEC_PER_MSEC) == -EBUSY);
	CHECK(request.report.rolled_back && request.report.tries == 2);
	CHECK(request.report.nr_insiders >= 1);
	CHECK(streq(request.report.insider[0].task_name, "reader"));
	CHECK(error_says("(reader) is inside, at labrat_read+"));
	CHECK(r.task->prio == r.task->base_prio);	/* it was moved to the front only meanwhile */
	CHECK(usable("labrat"));
	sync_release("labrat:read");
	CHECK(join_reader(&r) == 0 && r.result == 1);
	return 0;
}

int test_unload_finds_a_task_inside(void) { return with_labrat("", inside_rolls_back); }

static int sleeper_walks_out(void)
{
	static struct reader r;		/* outlives a check that fails */

	CHECK(start_reader(&r, 2) == 0);
	CHECK(wait_open() == 0);
	CHECK(unload("labrat", UNLOAD_REVOKE, PATIENCE) == 0);
	CHECK(join_reader(&r) == 0 && r.result == -ENODEV);
	return 0;
}

int test_unload_sends_sleepers_home(void) { return with_labrat("", sleeper_walks_out); }

/* -- a wait in a library ------------------------------------------------------------------ */

static void library_reader(void *arg)
{
	struct reader *r = arg;
	char c;
	struct file *f = file_open("labcaller", 0);

	r->result = IS_ERR(f) ? PTR_ERR(f) : file_read(f, &c, 1);
	if (!IS_ERR(f))
		file_close(f);
}

/* It sleeps in the library, and is sent home for its caller. */
static int waits_in_library(const char *name)
{
	static struct reader r;		/* outlives a check that fails */

	r = (struct reader){ .result = 1 };
	CHECK(strategy_choose(name) == 0 && load("labcaller", "") == 0);
	r.task = task_create("reader", PRIO_NORMAL, library_reader, &r);
	CHECK(!IS_ERR(r.task));
	u64 limit = clock_ns() + PATIENCE;
	while (!streq(r.task->waiting_for, "labwait") && !clock_passed(limit))
		sleep_ms(1);
	CHECK(rests(r.task));
	CHECK(unload("labwait", 0, PATIENCE) == -EBUSY && r.result == 1);	/* is used */
	CHECK(unload("labcaller", UNLOAD_REVOKE, PATIENCE) == 0);
	CHECK(join_reader(&r) == 0 && r.result == -ENODEV);
	CHECK(unload("labwait", 0, PATIENCE) == 0);
	return 0;
}

int test_unload_sends_sleepers_home_from_libraries(void)
{
	struct balance_sheet before = balance_take(), after;
	const char *usual = strategy->name;
	int err = waits_in_library("trap");

	if (!err)
		err = waits_in_library("census");
	int back = strategy_choose(usual);
	after = balance_after(&before, PATIENCE);
	CHECK(balance_compare("library", &before, &after));
	return err ? err : back;
}

/* No caller of its is in the module; but what it works on is. */
static struct wait_queue never = WAIT_QUEUE(never, "never");

static void works_for_another(void *arg)
{
	struct reader *r = arg;

	WRITE_ONCE(current->works_on, (u32)works_for_another);
	r->result = wait_event(&never, false);
	WRITE_ONCE(current->works_on, 0);
}

int test_unload_sends_home_who_works_for_it(void)
{
	static struct owner fake;
	static struct reader r;		/* outlives a check that fails */

	r = (struct reader){ .result = 1 };
	CHECK(fake_comes(&fake, "fake", (void *)works_for_another) == 0);
	r.task = task_create("works", PRIO_NORMAL, works_for_another, &r);
	CHECK(!IS_ERR(r.task));
	u64 limit = clock_ns() + PATIENCE;
	while (!streq(r.task->waiting_for, "never") && !clock_passed(limit))
		sleep_ms(1);
	CHECK(rests(r.task));
	fake_closes(&fake);
	CHECK(join_reader(&r) == 0 && r.result == -ENODEV);
	return fake_goes(&fake);
}

static int wait_for_holder(void)
{
	static struct reader r;		/* outlives a check that fails */

	CHECK(start_reader(&r, 2) == 0);
	CHECK(wait_open() == 0);
	CHECK(unload("labrat", UNLOAD_WAIT, 30 * NSEC_PER_MSEC) == -ETIMEDOUT);
	CHECK(usable("labrat"));
	task_kill(r.task);
	CHECK(unload("labrat", UNLOAD_WAIT, PATIENCE) == 0);
	CHECK(join_reader(&r) == 0 && r.result == -EINTR);
	return 0;
}

int test_unload_waits_for_holders(void) { return with_labrat("", wait_for_holder); }

static int thread_is_stopped(void)
{
	CHECK(unload("labrat", 0, PATIENCE) == 0);
	return 0;
}

int test_unload_stops_threads(void) { return with_labrat("thread=1 busy_timer=1", thread_is_stopped); }

static u32 counter(u32 which)
{
	char buf[64];
	u32 value[3] = { 0 }, n = 0;
	struct file *f = file_open("labrat", 0);

	if (IS_ERR(f))
		return 0;
	int len = file_read(f, buf, sizeof(buf));
	file_close(f);
	for (int i = 0; i < len && n < 3; i++) {
		if (buf[i] >= '0' && buf[i] <= '9')
			value[n] = value[n] * 10 + (u32)(buf[i] - '0');
		else if (buf[i] == ',')
			n++;
	}
	return value[which];
}

static int wait_counter_above(u32 which, u32 value)
{
	u64 end = clock_ns() + PATIENCE;

	while (counter(which) <= value) {
		if (clock_passed(end))
			return -ETIMEDOUT;
		sleep_ms(1);
	}
	return 0;
}

/* After a roll-back the timer that re-arms itself, the work that it queues and
 * the thread go on. */
static int goes_on_after_roll_back(void)
{
	static struct reader r;		/* outlives a check that fails */

	CHECK(hold_reader(&r) == 0);
	CHECK(unload("labrat", UNLOAD_REVOKE, 30 * NSEC_PER_MSEC) == -EBUSY);
	CHECK(wait_counter_above(0, counter(0)) == 0);
	CHECK(wait_counter_above(1, counter(1)) == 0);
	CHECK(wait_counter_above(2, counter(2)) == 0);
	sync_release("labrat:read");
	CHECK(join_reader(&r) == 0);
	return 0;
}

int test_unload_rolls_back_whole(void)
{
	return with_labrat("thread=1 busy_timer=1", goes_on_after_roll_back);
}

/* No file is open: a worker is inside, in an item of the module, and rests there. So it is the look
 * at stacks that finds it, and by then the module is GOING: there is something to roll back. */
static int worker_inside_rolls_back(void)
{
	CHECK(sync_hold("labrat:work", 1) == 0);
	CHECK(sync_wait_held("labrat:work", from_now(PATIENCE)) == 0);
	CHECK(unload("labrat", 0, 50 * NSEC_PER_MSEC) == -EBUSY);
	CHECK(request.report.rolled_back && request.report.nr_insiders && request.report.tries >= 2);
	/* It does not run, so there is no third look; but another task may have been seen passing. (On one
	 * CPU it gets its turn each time the asker sleeps, and is looked at again.) */
	CHECK(request.report.tries == 2 || request.report.nr_insiders > 1 || nr_cpus == 1);
	CHECK(error_says("is inside, at on_work+"));
	CHECK(usable("labrat"));
	sync_release("labrat:work");
	CHECK(wait_counter_above(0, counter(0)) == 0 && wait_counter_above(1, counter(1)) == 0);
	return 0;
}

int test_unload_finds_a_worker_inside(void)
{
	return with_labrat("busy_timer=1", worker_inside_rolls_back);
}

/* The same, but it spins: it was switched out before the load for the last time, and looks as one
 * that has not run since, but that it is on its CPU. */
static int running_worker_rolls_back(void)
{
	CHECK(sync_hold_how("labrat:work", 1, (struct sync_how){ .spins = true }) == 0);
	CHECK(sync_wait_held("labrat:work", from_now(PATIENCE)) == 0);
	CHECK(unload("labrat", 0, 50 * NSEC_PER_MSEC) == -EBUSY);
	CHECK(request.report.rolled_back && request.report.nr_insiders >= 1);
	CHECK(usable("labrat"));
	sync_release("labrat:work");
	return 0;
}

int test_unload_finds_a_running_worker(void)
{
	return with_labrat("busy_timer=1", running_worker_rolls_back);
}

/* A thread of the module is inside, and will leave when it gets the CPU, which is the asker's. The asker's stack is
 * so deep that to ask the gates of all callers takes longer than the first pause: it must sleep all the same. */
static noinline int unload_from_depth(u32 depth)
{
	int err = depth ? unload_from_depth(depth - 1) : unload("labrat", UNLOAD_WAIT, NSEC_PER_SEC);

	barrier();			/* a frame each: no jump in place of a call */
	return err;
}

static void bind_threads(const char *owner)
{
	struct task *t = NULL;

	while ((t = task_next(t))) {
		if (t->owner && streq(t->owner->name, owner))
			task_set_affinity(t, CPU_BIT(0));
	}
}

static int deep_asker_sleeps(void)
{
	bind_threads("labrat");
	CHECK(wait_counter_above(2, counter(2)) == 0);
	CHECK(unload_from_depth(100) == 0);
	return 0;
}

int test_unload_from_a_deep_stack(void)
{
	return ON_CPU(0, 1, with_labrat("thread=1", deep_asker_sleeps));
}

static int veto_is_heard(void)
{
	CHECK(unload("labrat", 0, 0) == -EPERM);
	CHECK(error_says("says no"));
	CHECK(usable("labrat"));
	return 0;
}

int test_unload_veto(void) { return with_labrat("veto=1", veto_is_heard); }

static void unloader_task(void *arg)
{
	static struct unload other;

	memset(&other, 0, sizeof(other));
	strlcpy(other.name, "labrat", sizeof(other.name));
	other.patience_ns = PATIENCE;
	*(int *)arg = module_unload(&other);
	if (*(int *)arg)
		printk("(unloader: %s)\n", other.report.error);
}

static int asked_twice(void)
{
	static int result;

	result = 1;
	CHECK(sync_hold("unload:closed", 1) == 0);
	struct task *t = task_create("unloader", PRIO_NORMAL, unloader_task, &result);
	CHECK(!IS_ERR(t));
	CHECK(sync_wait_held("unload:closed", from_now(PATIENCE)) == 0);
	CHECK(unload("labrat", 0, 0) == -EBUSY);
	CHECK(error_says("is being unloaded by task") && error_says("(unloader)"));
	struct load_error why;
	CHECK(module_load_by_name("labrat", "", NULL, &why) == -EBUSY);
	sync_release("unload:closed");
	CHECK(task_join(t, from_now(PATIENCE)) == 0);
	task_put(t);
	CHECK(result == 0);
	return 0;
}

/* The first one has not come as far as GOING. */
static int asked_twice_early(void)
{
	static int result;

	result = 1;
	CHECK(sync_hold("unload:draining", 1) == 0);
	struct task *t = task_create("unloader", PRIO_NORMAL, unloader_task, &result);
	CHECK(!IS_ERR(t) && sync_wait_held("unload:draining", from_now(PATIENCE)) == 0);
	CHECK(unload("labrat", 0, 0) == -EBUSY);
	CHECK(error_says("is being unloaded by task"));
	sync_release("unload:draining");
	CHECK(task_join(t, from_now(PATIENCE)) == 0 && result == 0);
	task_put(t);
	return 0;
}

int test_unload_asked_twice_early(void) { return with_labrat("", asked_twice_early); }
int test_unload_asked_twice(void) { return with_labrat("", asked_twice); }

/* While others have their turn neither the patience runs out nor does what happens
 * void the look that has not begun. */
struct turn { struct inspection in; struct unload u; struct module m; struct task *task; };

static void turn_task(void *arg)
{
	struct turn *t = arg;

	inspection_take_turn(&t->in);
	inspection_end_turn();
}

static int wait_for_turn(struct turn *t)
{
	u64 limit = clock_ns() + PATIENCE, waited;

	t->in.u = &t->u;
	t->in.owner = &t->m.owner;
	mutex_lock(&module_remove_mutex);
	t->task = task_create("turn", PRIO_NORMAL, turn_task, t);
	while (!IS_ERR(t->task) && !streq(t->task->waiting_for, "trap") && !clock_passed(limit))
		sleep_ms(1);
	waited = clock_ns();
	owner_raise_epoch(&t->m.owner);
	sleep_ms(1);
	waited = clock_ns() - waited;
	mutex_unlock(&module_remove_mutex);
	CHECK(!IS_ERR(t->task));
	CHECK(task_join(t->task, from_now(PATIENCE)) == 0);
	task_put(t->task);
	CHECK(t->in.epoch == 1);
	CHECK(t->u.deadline >= waited);
	return 0;
}

int test_unload_waits_for_its_turn(void)
{
	struct turn *t = kzalloc(sizeof(*t));
	int err = t ? wait_for_turn(t) : -ENOMEM;

	kfree(t);
	return err;
}

/* Whoever was found at rest shows the same until it has run: no look before that. */
static struct wait_queue nap = WAIT_QUEUE(nap, "nap");
static u32 naps;

static void nap_twice(void *unused)
{
	(void)unused;
	(void)wait_event(&nap, naps >= 1);
	(void)wait_event(&nap, naps >= 2);
}

static void wake_sleeper(void)
{
	WRITE_ONCE(naps, naps + 1);
	wake_all(&nap);
}

static int find_a_sleeper(struct inspection *in)
{
	struct task *t = task_create("nap", PRIO_NORMAL, nap_twice, NULL);

	CHECK(!IS_ERR(t) && rests(t));
	in->insider[0] = (struct insider){ .task = t, .ran = (u32)t->run_cycles };
	in->nr_insiders = 1;
	CHECK(!insiders_have_run(in));
	wake_sleeper();
	CHECK(rests(t) && insiders_have_run(in));
	wake_sleeper();
	CHECK(task_join(t, from_now(PATIENCE)) == 0 && insiders_have_run(in));
	task_put(t);
	return 0;
}

int test_unload_looks_when_insiders_have_run(void)
{
	struct inspection *in = kzalloc(sizeof(*in));
	int err;

	naps = 0;
	err = in ? find_a_sleeper(in) : -ENOMEM;
	kfree(in);
	return err;
}

/* An opener that comes while the module is going waits at the gate and is told
 * the outcome. */
static int gate_holds(void)
{
	static struct reader r;		/* outlives a check that fails */
	static int result;

	result = 1;
	CHECK(sync_hold("unload:closed", 1) == 0);
	struct task *t = task_create("unloader", PRIO_NORMAL, unloader_task, &result);
	CHECK(!IS_ERR(t));
	CHECK(sync_wait_held("unload:closed", from_now(PATIENCE)) == 0);
	CHECK(start_reader(&r, 1) == 0);
	CHECK(task_join(r.task, clock_ns() + 20 * NSEC_PER_MSEC) == -ETIMEDOUT);
	sync_release("unload:closed");
	CHECK(task_join(t, from_now(PATIENCE)) == 0);
	task_put(t);
	CHECK(result == 0);
	CHECK(join_reader(&r) == 0 && r.result == -ENODEV);
	return 0;
}

int test_unload_gate(void) { return with_labrat("", gate_holds); }

int test_unload_unknown(void)
{
	CHECK(unload("nonesuch", 0, 0) == -ENOENT);
	CHECK(error_says("not loaded"));
	return 0;
}

int test_unload_dependents(void)
{
	struct balance_sheet before = balance_take(), after;

	CHECK(load("primes", "") == 0);			/* brings mathlib */
	CHECK(unload("mathlib", UNLOAD_FORCE, 0) == -EBUSY);
	CHECK(error_says("used by primes"));
	CHECK(unload("primes", 0, PATIENCE) == 0);
	CHECK(unload("mathlib", 0, PATIENCE) == 0);
	after = balance_after(&before, PATIENCE);
	CHECK(balance_compare("dependents", &before, &after));
	return 0;
}

/* init that fails at each of its steps leaves nothing behind. */
int test_load_init_fails_at_each_step(void)
{
	struct balance_sheet before = balance_take(), after;
	struct load_error why;
	char params[40];

	for (u32 step = 1; step <= 7; step++) {
		snprintf(params, sizeof(params), "thread=1 fail_at=%u", step);
		CHECK(module_load_by_name("labrat", params, NULL, &why) == -EIO);
		CHECK(strstr(why.text, "labrat"));
	}
	after = balance_after(&before, PATIENCE);
	CHECK(balance_compare("failed init", &before, &after));
	return 0;
}

/* Loaded and unloaded again and again: what is forgotten each time is given back. */
int test_unload_many_times(void)
{
	struct balance_sheet before = balance_take(), after;

	for (u32 i = 0; i < 100; i++) {
		CHECK(load("labrat", i & 1 ? "thread=1" : "busy_timer=1") == 0);
		CHECK(unload("labrat", 0, PATIENCE) == 0);
	}
	after = balance_after(&before, PATIENCE);
	CHECK(balance_compare("100 times", &before, &after));
	return 0;
}
