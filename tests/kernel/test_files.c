/* The end of files, under trap and under census: who calls release(), when and in what context;
 * what a module may do in it; files that modules open; loads that fail while files are open. */
#include "entry/device.h"
#include "entry/entry.h"
#include "entry/leavers.h"
#include "entry/stage.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/math64.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "module/module.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "sched/wait.h"
#include "shell/balance_sheet.h"
#include "shell/hazard.h"
#include "shell/ktest.h"
#include "tests/kernel/tests.h"
#include "unload/graveyard.h"
#include "unload/unload.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/bootinfo.h"
#include "lib/parse.h"

#define PATIENCE (20 * NSEC_PER_SEC)
#define BRIEF    (50 * NSEC_PER_MSEC)

enum { PLAIN, DRAINS, HANGS, APART, OPEN_APART, EXCLUSIVE, NESTED, OPEN_FAILS };

static struct unload request;

/* -- loading and unloading ------------------------------------------------------------- */

struct load { const char *name; char params[48]; int err; bool done; struct load_error why; struct task *task; };

static void load_task(void *arg)
{
	struct load *l = arg;

	l->err = module_load_by_name(l->name, l->params, NULL, &l->why);
	if (l->err)
		printk("(%s)\n", l->why.text);
	store_release(&l->done, true);
}

static struct load loading;	/* outlives a check that fails */

static int start_load(const char *name, const char *params)
{
	loading = (struct load){ .name = name };
	strlcpy(loading.params, params, sizeof(loading.params));
	loading.task = task_create("insmod", PRIO_NORMAL, load_task, &loading);
	return IS_ERR(loading.task) ? PTR_ERR(loading.task) : 0;
}

static int end_load(void)
{
	int err = task_join(loading.task, from_now(PATIENCE));

	task_put(loading.task);
	return err ? err : loading.err;
}

static int load(const char *name, const char *params)
{
	int err = start_load(name, params);

	return err ? err : end_load();
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

static struct owner *owner_named(const char *name)
{
	mutex_lock(&modules_mutex);
	struct module *m = module_find(name);
	mutex_unlock(&modules_mutex);
	return m ? &m->owner : NULL;
}

static bool is_loaded(const char *name) { return owner_named(name) != NULL; }
static u32 open_files(const char *name) { return owner_open_files(owner_named(name)); }

#define CHECK_SOON(cond)                                                        \
	do {                                                                    \
		u64 end_ = clock_ns() + PATIENCE;                               \
		while (!(cond)) {                                               \
			CHECK(!clock_passed(end_));                             \
			sleep_ms(1);                                            \
		}                                                               \
	} while (0)

static int take_out(const char *name)
{
	return is_loaded(name) ? unload(name, UNLOAD_WAIT | UNLOAD_REVOKE, PATIENCE) : 0;
}

static int with_filer_under(const char *strategy_name, const char *params, int (*body)(void))
{
	struct balance_sheet before = balance_take(), after;
	u32 uses = graveyard_uses(), accused = stage.nr_accused;
	int err = strategy_choose(strategy_name), end;

	stage.at = 0;
	if (!err && params)
		err = load("filer", params);
	if (!err)
		err = body();
	sync_reset();
	end = take_out("filer");
	if (!end)
		end = take_out("labrat");
	after = balance_after(&before, PATIENCE);
	CHECK(graveyard_uses() == uses);
	CHECK(balance_compare("filer", &before, &after));
	if (stage.nr_accused != accused)
		printk("%s\n", stage.accusation);
	CHECK(stage.nr_accused == accused);
	return err ? err : end;
}

static int with_filer(const char *params, int (*body)(void))
{
	const char *usual = strategy->name;
	int err = with_filer_under("trap", params, body), back;

	if (!err)
		err = with_filer_under("census", params, body);
	back = strategy_choose(usual);
	return err ? err : back;
}

/* -- holders ------------------------------------------------------------------------------ */

/* A task that opens the device, does `what`, and closes it when it is told to. */
struct holder {
	int (*what)(struct file *f);
	const char *device;
	u32 flags;
	struct task *task;
	struct file *f;
	int result;
	bool open, go, done;
};

static void holder_task(void *arg)
{
	struct holder *h = arg;

	h->f = file_open(h->device, h->flags);
	h->result = IS_ERR(h->f) ? PTR_ERR(h->f) : h->what ? h->what(h->f) : 0;
	store_release(&h->open, !IS_ERR(h->f));
	store_release(&h->done, true);
	if (IS_ERR(h->f))
		return;
	wipe_dead_stack();		/* what open() left there does not keep the module while this one rests */
	while (!load_acquire(&h->go))
		sleep_ms(1);
	file_close(h->f);
}

static int start_holder(struct holder *h, const char *device, int (*what)(struct file *f))
{
	*h = (struct holder){ .what = what, .device = device };
	h->task = task_create("holder", PRIO_NORMAL, holder_task, h);
	return IS_ERR(h->task) ? PTR_ERR(h->task) : 0;
}

static int end_holder(struct holder *h)
{
	store_release(&h->go, true);
	CHECK(task_join(h->task, from_now(PATIENCE)) == 0);
	task_put(h->task);
	return 0;
}

static int read_one(struct file *f)    { char byte; return file_read(f, &byte, 1); }
static int read_asleep(struct file *f) { char buf[2]; return file_read(f, buf, 2); }

static struct holder a, b;	/* outlive a check that fails */

static int open_one(struct holder *h, int (*what)(struct file *f))
{
	CHECK(start_holder(h, "filer", what) == 0);
	CHECK_SOON(load_acquire(&h->done));
	CHECK(h->open);
	return 0;
}

/* -- release() is called while the module is whole -------------------------------------------- */

/* It waits for a timer of its own, whose door would be closed behind a commit. */
static int drains(void)
{
	CHECK(open_one(&a, read_one) == 0);
	CHECK(unload("filer", UNLOAD_REVOKE, PATIENCE) == 0);
	CHECK(stage.at == 1 && request.report.revoked == 1);
	return end_holder(&a);
}

int test_files_release_may_drain(void) { return with_filer("mode=1", drains); }

/* It closes a file of another device of the same module. */
static int nested(void)
{
	CHECK(open_one(&a, NULL) == 0);
	CHECK(open_files("filer") == 2);
	CHECK(unload("filer", UNLOAD_REVOKE, PATIENCE) == 0);
	CHECK(stage.at == 1 && request.report.revoked == 2);
	return end_holder(&a);
}

int test_files_release_may_close_another(void) { return with_filer("mode=6", nested); }

/* One that does not return is named, the module is live, and what remains of it is as at a close. */
static int hangs(void)
{
	CHECK(open_one(&a, NULL) == 0 && open_one(&b, NULL) == 0);
	CHECK(sync_hold("filer:hang", 1) == 0);
	CHECK(unload("filer", UNLOAD_REVOKE, BRIEF) == -EBUSY);
	CHECK(error_says("(release/filer) is inside, at filer_release+"));
	CHECK(error_says("still live") && error_says("2 open files stay cut off"));
	CHECK(owner_named("filer")->state == OWNER_LIVE);
	/* The second is released by a helper, although the first is stuck. */
	CHECK_SOON(stage.at == 1 && open_files("filer") == 1);
	/* The holders do not wait for any of it. */
	CHECK(end_holder(&a) == 0 && end_holder(&b) == 0);
	sync_release("filer:hang");
	CHECK_SOON(stage.at == 2 && open_files("filer") == 0);
	CHECK(unload("filer", 0, PATIENCE) == 0);
	return 0;
}

int test_files_release_that_hangs(void) { return with_filer("mode=2", hangs); }

/* young releases behind its commit, so for a second at least, however little patience it is given:
 * what is still open then would keep the module's memory for ever. */
static void releases_hang(void *unused)
{
	(void)unused;
	sleep_ms(50);
	sync_release("filer:hang");
}

static int late(void)
{
	CHECK(open_one(&a, NULL) == 0);
	CHECK(sync_hold("filer:hang", 1) == 0);
	struct task *t = task_create("releases", PRIO_NORMAL, releases_hang, NULL);
	CHECK(!IS_ERR(t));
	CHECK(unload("filer", UNLOAD_REVOKE, NSEC_PER_MSEC) == 0 && stage.at == 1);
	CHECK(task_join(t, from_now(PATIENCE)) == 0);
	task_put(t);
	return end_holder(&a);
}

int test_files_release_behind_the_commit(void)
{
	const char *usual = strategy->name;
	int err = with_filer_under("young", "mode=2", late), back = strategy_choose(usual);

	return err ? err : back;
}

/* A call is on its way out, no more counted as inside, when young commits. That is no release yet;
 * it becomes one behind the commit, and a task of the core has to see to it.
 *
 *   CPU 0 (file_read)                  CPU 1 (young)
 *   leaves the turnstile               no task inside: GONE
 *                                      cuts the file off: in a call; waits
 *   calls = 0: release() is due
 *                                      releases it; frees the memory
 */
static void late_rmmod(void *unused)
{
	(void)unused;
	b.result = unload("filer", UNLOAD_REVOKE, NSEC_PER_MSEC);
	store_release(&b.done, true);
}

static int late_after_a_call(void)
{
	CHECK(sync_hold("file:left", 1) == 0 && sync_hold("unload:late-release", 1) == 0);
	CHECK(start_holder(&a, "filer", read_one) == 0);
	CHECK(sync_wait_held("file:left", from_now(PATIENCE)) == 0);
	b = (struct holder){ .task = task_create("rmmod", PRIO_NORMAL, late_rmmod, NULL) };
	CHECK(!IS_ERR(b.task));
	CHECK(sync_wait_held("unload:late-release", from_now(PATIENCE)) == 0);
	sync_release("unload:late-release");
	CHECK_SOON(load_acquire(&b.done) || READ_ONCE(b.task->state) >= TASK_SLEEPING);
	sync_release("file:left");
	CHECK(task_join(b.task, from_now(PATIENCE)) == 0);
	task_put(b.task);
	CHECK(b.result == 0 && stage.at == 1);
	return end_holder(&a);
}

int test_files_release_of_a_call_behind_the_commit(void)
{
	const char *usual = strategy->name;
	int err = with_filer_under("young", "", late_after_a_call), back = strategy_choose(usual);

	return err ? err : back;
}

/* -f promises what -r does. */
static int forced(void)
{
	CHECK(open_one(&a, read_one) == 0);
	CHECK(unload("filer", UNLOAD_FORCE, PATIENCE) == 0);
	CHECK(stage.at == 1 && request.report.revoked == 1);
	return end_holder(&a);
}

int test_files_force_cuts_off(void) { return with_filer("mode=1", forced); }

/* A sleeper in a call is sent home, and releases the file itself. */
static int in_a_call(void)
{
	CHECK(start_holder(&a, "filer", read_asleep) == 0);
	CHECK_SOON(open_files("filer") == 1 && a.task->state == TASK_SLEEPING);
	CHECK(unload("filer", UNLOAD_REVOKE, PATIENCE) == 0);
	CHECK_SOON(load_acquire(&a.done));
	CHECK(a.result == -ENODEV && stage.at == 1);
	return end_holder(&a);
}

int test_files_cut_off_in_a_call(void) { return with_filer("", in_a_call); }

/* Two threads of a process, one in a close and one that opens: that one waits, or both keep the module by turns. */
static int close_lets_no_other_pass(void)
{
	struct owner *o = owner_named("filer");

	CHECK(open_one(&a, NULL) == 0);
	u32 flags = spin_lock_irqsave(&registry_lock);
	list_del(&a.f->link);
	a.f->party = file_party();		/* as if of one process with this task */
	file_join_party(a.f);
	spin_unlock_irqrestore(&registry_lock, flags);
	owner_set_draining(o, true);
	struct file *f = file_open("filer", FILE_NONBLOCK);
	CHECK(!IS_ERR(f));			/* it holds one, so it passes */
	file_close(f);
	CHECK(sync_hold("file:close", 1) == 0);
	store_release(&a.go, true);
	CHECK(sync_wait_held("file:close", from_now(PATIENCE)) == 0);
	f = file_open("filer", FILE_NONBLOCK);
	owner_set_draining(o, false);
	sync_release("file:close");
	if (!IS_ERR(f))
		file_close(f);
	CHECK(IS_ERR(f) && PTR_ERR(f) == -EAGAIN);
	return end_holder(&a);
}

int test_files_close_lets_no_other_pass(void) { return with_filer("", close_lets_no_other_pass); }

/* -- in the way, and not inside ------------------------------------------------------------------ */

/* In the core's part of an open() of a device without one: no word of the module is on its stack. */
static int in_the_core(void)
{
	CHECK(sync_hold("file:open", 1) == 0);
	CHECK(start_holder(&a, "filer-inner", NULL) == 0);
	CHECK(sync_wait_held("file:open", from_now(PATIENCE)) == 0);
	CHECK(unload("filer", UNLOAD_REVOKE, BRIEF) == -EBUSY);
	CHECK(error_says("(holder) is in the way, at the end of a file that was cut off"));
	CHECK(error_says("still live") && error_says("1 open files stay cut off"));
	CHECK(!current->boosts_top);
	sync_release("file:open");
	CHECK(end_holder(&a) == 0 && a.result == -ENODEV);
	return unload("filer", 0, PATIENCE);
}

int test_files_holder_in_the_core_is_named(void) { return with_filer("", in_the_core); }

static void rmmod_task(void *unused)
{
	(void)unused;
	b.result = unload("filer", UNLOAD_REVOKE, PATIENCE);
	b.open = current->boosts_top != 0;
	store_release(&b.done, true);
}

/* Has the one task that the module waits for been helped? */
static bool leaver_is_helped(void)
{
	struct task *t;
	u32 n = owner_leavers(owner_named("filer"), &t, 1);
	bool helped = n && READ_ONCE(t->prio) == PRIO_INSIDER;

	if (n)
		task_put(t);
	return helped;
}

/* A task that is to release files waits for a CPU as long as others compute: it goes before them, and the
 * asker before it. */
static int releaser_is_late(void)
{
	CHECK(open_one(&a, NULL) == 0);
	CHECK(sync_hold("file:releaser", 16) == 0);
	CHECK(unload("filer", UNLOAD_REVOKE, BRIEF) == -EBUSY);
	sync_release("file:releaser");
	CHECK_SOON(open_files("filer") == 0);
	CHECK(error_says("(release/filer) is in the way"));
	CHECK(end_holder(&a) == 0);

	CHECK(open_one(&a, NULL) == 0);
	CHECK(sync_hold("file:releaser", 16) == 0);
	b = (struct holder){ .task = task_create("rmmod", PRIO_NORMAL, rmmod_task, NULL) };
	CHECK(!IS_ERR(b.task));
	CHECK_SOON(leaver_is_helped());
	CHECK(READ_ONCE(b.task->prio) == PRIO_TOP);
	sync_release("file:releaser");
	CHECK(task_join(b.task, from_now(PATIENCE)) == 0);
	task_put(b.task);
	CHECK(b.done && b.result == 0 && !b.open);
	return end_holder(&a);
}

int test_files_releaser_goes_first(void) { return with_filer("", releaser_is_late); }

/* -- whose end it is: each order ---------------------------------------------------------------- */

/* The holder has it; the unload finds that, and waits. */
static int holder_first(void)
{
	CHECK(open_one(&a, NULL) == 0);
	CHECK(sync_hold("file:close", 1) == 0);
	store_release(&a.go, true);
	CHECK(sync_wait_held("file:close", from_now(PATIENCE)) == 0);
	CHECK(unload("filer", UNLOAD_REVOKE, BRIEF) == -EBUSY);
	CHECK(stage.at == 0 && open_files("filer") == 1);
	sync_release("file:close");
	CHECK(end_holder(&a) == 0);
	CHECK(unload("filer", 0, PATIENCE) == 0);
	CHECK(stage.at == 1);
	return 0;
}

int test_files_end_is_the_holders(void) { return with_filer("", holder_first); }

/* The core's task has it, and is in release(), or behind it; the holder closes meanwhile. */
static int releaser_first(const char *where)
{
	CHECK(open_one(&a, NULL) == 0);
	CHECK(sync_hold(where, 1) == 0);
	CHECK(unload("filer", UNLOAD_REVOKE, BRIEF) == -EBUSY);
	CHECK(sync_wait_held(where, from_now(PATIENCE)) == 0);
	CHECK(end_holder(&a) == 0);
	CHECK(open_files("filer") == 1);
	sync_release(where);
	CHECK_SOON(open_files("filer") == 0);
	CHECK(stage.at == 1);
	return 0;
}

/* A close while the module is GOING goes in behind the look, and says so (the models' NO_EPOCH). */
static int close_raises_the_epoch(void)
{
	struct owner *o = owner_named("filer");
	struct file *f = file_open("filer", 0);

	CHECK(o && !IS_ERR(f));
	owner_set_state(o, OWNER_GOING);
	u64 before = owner_epoch(o);
	file_close(f);
	u64 after = owner_epoch(o);
	bool gone = owner_commit_gone(o, before);
	owner_set_state(o, OWNER_LIVE);
	CHECK(after == before + 1 && !gone);
	return 0;
}

int test_files_close_raises_the_epoch(void) { return with_filer("", close_raises_the_epoch); }

static int releaser_before(void) { return releaser_first("file:close"); }
static int releaser_in(void)     { return releaser_first("filer:release"); }
static int releaser_behind(void) { return releaser_first("file:released"); }

int test_files_end_is_the_unloads(void)
{
	int err = with_filer("", releaser_before);

	err = err ? err : with_filer("", releaser_in);
	return err ? err : with_filer("", releaser_behind);
}

/* -- a driver that takes itself apart while the core is in it -------------------------------------- */

static int apart_at_close(void)
{
	CHECK(open_one(&a, NULL) == 0 && open_one(&b, NULL) == 0);
	CHECK(end_holder(&a) == 0);
	CHECK(stage.at == 1 && open_files("filer") == 0);
	CHECK(end_holder(&b) == 0);		/* its device is gone: nobody is told */
	CHECK(stage.at == 1);
	return 0;
}

static int apart_at_unload(void)
{
	CHECK(open_one(&a, NULL) == 0 && open_one(&b, NULL) == 0);
	CHECK(sync_hold("filer:release", 1) == 0);
	CHECK(unload("filer", UNLOAD_REVOKE, BRIEF) == -EBUSY);
	CHECK(end_holder(&a) == 0);
	sync_release("filer:release");
	CHECK(unload("filer", UNLOAD_REVOKE, PATIENCE) == 0);
	return end_holder(&b);
}

int test_files_release_unregisters(void)
{
	int err = with_filer("mode=3", apart_at_close);

	return err ? err : with_filer("mode=3", apart_at_unload);
}

static int apart_at_open(void)
{
	CHECK(open_one(&a, read_one) == 0);
	CHECK(a.result == -ENODEV && open_files("filer") == 0);
	CHECK(end_holder(&a) == 0);
	CHECK(stage.at == 0);
	return 0;
}

int test_files_open_unregisters(void) { return with_filer("mode=4", apart_at_open); }

/* A driver closes only what it has opened itself; from inside a call on that very file it takes
 * effect when the call has returned. */
static int closed_in_call(void)
{
	struct file *f = file_open("filer", 0);

	CHECK(!IS_ERR(f));
	CHECK(file_ioctl(f, 7, 0) == -ENODEV);
	CHECK(stage.at == 0 && open_files("filer") == 1);
	CHECK(file_ioctl(f, 8, 0) == 0);
	CHECK(stage.at == 1 && open_files("filer") == 1);
	file_close(f);
	CHECK(stage.at == 2 && open_files("filer") == 0);
	return 0;
}

static int uses_another(void)
{
	struct file *f = file_open("filer", 0);

	CHECK(!IS_ERR(f));
	CHECK(file_ioctl(f, 10, 0) == 0);
	file_close(f);
	return 0;
}

int test_files_module_reads_and_writes(void) { return with_filer("", uses_another); }

int test_files_driver_closes_no_caller(void) { return with_filer("", closed_in_call); }

/* -- opens ------------------------------------------------------------------------------------- */

/* An open that was overtaken is no file, and release() is called if open() went well. */
static int overtaken(u32 releases, int result)
{
	CHECK(sync_hold("filer:open", 1) == 0);
	CHECK(start_holder(&a, "filer", NULL) == 0);
	CHECK(sync_wait_held("filer:open", from_now(PATIENCE)) == 0);
	CHECK(unload("filer", UNLOAD_REVOKE, BRIEF) == -EBUSY);
	CHECK(stage.at == 0 && error_says("(holder) is inside, at filer_open+"));
	sync_release("filer:open");
	CHECK(end_holder(&a) == 0);
	CHECK(a.result == result && stage.at == releases && open_files("filer") == 0);
	return 0;
}

static int overtaken_open(void)   { return overtaken(1, -ENODEV); }
static int overtaken_failure(void) { return overtaken(0, -EACCES); }

int test_files_open_is_overtaken(void)
{
	int err = with_filer("", overtaken_open);

	return err ? err : with_filer("mode=7", overtaken_failure);
}

static int open_second(struct file *f)
{
	struct file *second = file_open("filer", 0);

	(void)f;
	if (IS_ERR(second))
		return PTR_ERR(second);
	file_close(second);
	return 1;
}

static struct unload waiting;

static void unload_task(void *unused)
{
	(void)unused;
	int err = module_unload(&waiting);
	if (err)
		printk("(%s: %s)\n", errno_name(err), waiting.report.error);
}

static int wait_and_open(struct file *f)
{
	while (!owner_named("filer")->draining)
		sleep_ms(1);
	return open_second(f);
}

/* A holder passes the gate; others wait there, or with FILE_NONBLOCK do not. */
static int holder_passes(void)
{
	struct task *t;

	CHECK(start_holder(&a, "filer", wait_and_open) == 0);
	CHECK_SOON(open_files("filer") == 1);
	memset(&waiting, 0, sizeof(waiting));
	strlcpy(waiting.name, "filer", sizeof(waiting.name));
	waiting.flags = UNLOAD_WAIT;
	waiting.patience_ns = PATIENCE;
	t = task_create("rmmod", PRIO_NORMAL, unload_task, NULL);
	CHECK(!IS_ERR(t));
	CHECK_SOON(load_acquire(&a.done));
	CHECK(a.result == 1);
	CHECK(PTR_ERR(file_open("filer", FILE_NONBLOCK)) == -EAGAIN);
	CHECK(start_holder(&b, "filer", NULL) == 0);
	CHECK(end_holder(&a) == 0);
	CHECK(task_join(t, from_now(PATIENCE)) == 0);
	task_put(t);
	CHECK(!is_loaded("filer") && stage.at == 2);
	CHECK(end_holder(&b) == 0 && b.result == -ENODEV);
	return 0;
}

int test_files_holder_passes_the_gate(void) { return with_filer("", holder_passes); }

/* -- a mutex from open() to release() -------------------------------------------------------------- */

/* Closed by another task than the one that locked it, which has ended by then. */
static void opener_only(void *arg)
{
	struct holder *h = arg;

	h->f = file_open("filer", 0);
}

static int exclusive(void)
{
	struct task *t = task_create("opener", PRIO_NORMAL, opener_only, &a);

	CHECK(!IS_ERR(t));
	CHECK(task_join(t, from_now(PATIENCE)) == 0);
	task_put(t);
	CHECK(!IS_ERR(a.f));
	CHECK(PTR_ERR(file_open("filer", 0)) == -EBUSY);
	file_close(a.f);
	CHECK(open_one(&b, NULL) == 0);
	CHECK(unload("filer", UNLOAD_REVOKE, PATIENCE) == 0);
	return end_holder(&b);
}

int test_files_mutex_is_handed_over(void) { return with_filer("mode=5", exclusive); }

/* -- what modules open ------------------------------------------------------------------------------ */

static void note_file(struct entry *e, void *text)
{
	char said[96];

	entry_describe(e, said, sizeof(said));
	if (starts_with(said, "file "))
		strlcpy(text, said, sizeof(said));
}

static int forgotten(void)
{
	char text[96] = "";

	CHECK(load("labrat", "") == 0);
	CHECK(load("filer", "forgets=1") == 0);
	CHECK(open_files("labrat") == 1);
	CHECK(unload("labrat", 0, 0) == -EBUSY);
	CHECK(error_says("for module filer"));
	entries_each(owner_named("filer"), note_file, text);
	CHECK(streq(text, "file labrat, open"));
	CHECK(unload("filer", 0, PATIENCE) == 0);
	CHECK(strstr(request.report.forgotten_names, "file labrat") != NULL);
	CHECK(open_files("labrat") == 0);
	CHECK(unload("labrat", 0, PATIENCE) == 0);
	return 0;
}

int test_files_left_open_by_a_module(void) { return with_filer(NULL, forgotten); }

/* A notifier hears of each module that comes and goes, before who asked for it goes on. */
static int heard_of(struct file *listener)
{
	return file_ioctl(listener, 3, 0);
}

static int listens(void)
{
	struct file *listener;
	int before;

	CHECK(load("listener", "") == 0);
	listener = file_open("listener", 0);
	CHECK(!IS_ERR(listener));
	before = heard_of(listener);
	CHECK(load("null", "") == 0 && heard_of(listener) == before + 1);
	CHECK(unload("null", 0, PATIENCE) == 0 && heard_of(listener) == before + 2);
	file_close(listener);
	return unload("listener", 0, PATIENCE);
}

int test_files_notifiers_hear_of_modules(void) { return with_filer(NULL, listens); }

/* -- loads that fail --------------------------------------------------------------------------------- */

static int failed_with_file(void)
{
	CHECK(load("labrat", "") == 0);
	CHECK(sync_hold("filer:init", 1) == 0);
	CHECK(start_load("filer", "fails=1 forgets=1") == 0);
	CHECK(sync_wait_held("filer:init", from_now(PATIENCE)) == 0);
	CHECK(open_one(&a, NULL) == 0);
	sync_release("filer:init");
	CHECK(end_load() == -EIO);
	CHECK(!is_loaded("filer") && stage.at == 1 && open_files("labrat") == 0);
	return end_holder(&a);
}

int test_files_failed_load_releases(void) { return with_filer(NULL, failed_with_file); }

/* Somebody does not leave: the loader is killed, the module is listed, refused and waited for, a strategy
 * can be chosen; it goes by itself. */
static int failed_in_use(void)
{
	CHECK(sync_hold("filer:init", 1) == 0 && sync_hold("filer:release", 1) == 0);
	CHECK(start_load("filer", "fails=1") == 0);
	CHECK(sync_wait_held("filer:init", from_now(PATIENCE)) == 0);
	CHECK(open_one(&a, NULL) == 0);
	store_release(&a.go, true);
	CHECK(sync_wait_held("filer:release", from_now(PATIENCE)) == 0);
	sync_release("filer:init");
	task_kill(loading.task);
	CHECK(end_load() == -EIO);
	mutex_lock(&modules_mutex);
	struct module *m = module_find("filer");
	bool failed = m && streq(module_state_name(m), "Failed");
	mutex_unlock(&modules_mutex);
	CHECK(failed);
	CHECK(unload("filer", 0, 0) == -EBUSY);
	CHECK(unload("filer", UNLOAD_WAIT, NSEC_PER_SEC) == -ETIMEDOUT);
	CHECK(error_says("its init failed") && error_says("(holder)"));
	CHECK(load("filer", "") == -EBUSY);
	CHECK(strategy_choose("young") == 0 && strategy_choose("trap") == 0);
	sync_release("filer:release");
	/* It may have gone by itself before it is asked for. */
	int err = unload("filer", UNLOAD_WAIT, PATIENCE);
	CHECK(err == 0 || err == -ENOENT);
	CHECK(!is_loaded("filer") && stage.at == 1);
	return end_holder(&a);
}

int test_files_failed_load_waits_alone(void) { return with_filer(NULL, failed_in_use); }

/* -- veto --------------------------------------------------------------------------------------------- */

static int stubborn(void)
{
	CHECK(sync_hold("filer:veto", 1) == 0);
	CHECK(unload("filer", UNLOAD_REVOKE, BRIEF) == -ETIMEDOUT);
	CHECK(error_says("its veto() does not return") && error_says("(veto/filer)"));
	CHECK(unload("filer", UNLOAD_REVOKE, BRIEF) == -EBUSY);
	CHECK(error_says("the veto() of an earlier unload"));
	CHECK(open_one(&a, read_one) == 0 && a.result == 1);
	CHECK(end_holder(&a) == 0);
	sync_release("filer:veto");
	CHECK_SOON(unload("filer", UNLOAD_REVOKE, PATIENCE) == 0);
	return 0;
}

int test_files_veto_that_hangs(void) { return with_filer("stubborn=1", stubborn); }

/* -- exit ---------------------------------------------------------------------------------------------- */

static int leaves(void)
{
	CHECK(load("leaver", "slow=1") == 0);
	CHECK(unload("leaver", 0, PATIENCE) == 0);
	CHECK(stage.at == 1 && !request.report.forgotten && !request.report.exit_left_at[0]);
	return 0;
}

int test_exit_finds_its_doors(void) { return with_filer(NULL, leaves); }

static int is_stuck(void)
{
	CHECK(load("leaver", "stuck=1 slow=1") == 0);
	CHECK(unload("leaver", UNLOAD_WAIT, 300 * NSEC_PER_MSEC) == 0);
	CHECK(stage.at == 1 && strstr(request.report.exit_left_at, "leaver") != NULL);
	CHECK(!is_loaded("leaver"));
	return 0;
}

/* With a mutex of its own locked, in waits that it does not heed. */
int test_exit_is_left_with_a_mutex(void) { return with_filer(NULL, is_stuck); }

/* -- many ------------------------------------------------------------------------------------------------ */

#define MANY 2000u

/* What it takes to cut `n` files off and to have them released; 0: it failed. */
static u64 time_of(u32 n)
{
	static struct file *f[MANY];
	u32 opened = 0, released = stage.at, i;
	u64 time = 0;

	for (; opened < n; opened++) {
		f[opened] = file_open("filer", 0);
		if (IS_ERR(f[opened]))
			break;
	}
	if (opened == n && unload("filer", UNLOAD_REVOKE, PATIENCE) == 0 && stage.at - released == n)
		time = request.report.total_ns;
	for (i = 0; i < opened; i++)
		file_close(f[i]);
	return time;
}

/* Where time is instructions (tools/run --deterministic), it has to be linear. */
static int many(void)
{
	u64 few = time_of(MANY / 4), all;
	char icount[8];

	CHECK(few && load("filer", "") == 0);
	all = time_of(MANY);
	printk("%u files: %u us, %u files: %u us\n", MANY / 4, (u32)div_u64(few, 1000), MANY, (u32)div_u64(all, 1000));
	CHECK(all);
	if (cmdline_get(boot_info.cmdline, "icount", icount, sizeof(icount)) >= 0)
		CHECK(all < 6 * few);
	return 0;
}

int test_files_many(void) { return with_filer("", many); }

/* -- two unloads that want the same task out ---------------------------------------------------------------- */

int test_files_boosts_are_counted(void)
{
	u32 usual = current->prio;

	task_boost(current, PRIO_INSIDER);
	task_boost(current, PRIO_INSIDER);
	task_boost(current, PRIO_TOP);
	CHECK(current->prio == PRIO_TOP);
	task_unboost(current, PRIO_TOP);
	task_unboost(current, PRIO_INSIDER);
	u32 then = current->prio;
	task_unboost(current, PRIO_INSIDER);
	CHECK(then == PRIO_INSIDER && current->prio == usual);
	return 0;
}
