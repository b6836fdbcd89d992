/* What a look sees of a stack: each word, wherever it lies. Tried on a task that has never run, whose
 * stack the test writes. Under trap and census, which share the look. */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/modspace.h"
#include "module/module.h"
#include "sched/sched.h"
#include "shell/hazard.h"
#include "shell/ktest.h"
#include "tests/kernel/on_cpu.h"
#include "tests/kernel/tests.h"
#include "unload/inspect.h"
#include "unload/unload.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/panic.h"

#define PATIENCE (20 * NSEC_PER_SEC)
#define BORDER   (1u << 24)		/* a look compares the highest byte of a word first */

/* -- a stack of our own ------------------------------------------------------------------ */

#define WORDS 24u

/* Not started: off its CPU, so its stack stays as it is. */
static struct still { struct task *task; u32 sp, saved[WORDS]; } still;

static u32 *top_words(u32 n) { return (u32 *)still.task->scan_top - n; }

static void does_nothing(void *unused) { (void)unused; }

static int begin_still(void)
{
	still.task = task_create_stopped("still", PRIO_NORMAL, does_nothing, NULL);
	if (IS_ERR(still.task))
		return -ENOMEM;
	still.sp = still.task->sp;
	memcpy(still.saved, top_words(WORDS), sizeof(still.saved));
	return 0;
}

/* It gets its stack back, runs and ends. */
static int end_still(void)
{
	memcpy(top_words(WORDS), still.saved, sizeof(still.saved));
	still.task->sp = still.sp;
	task_start(still.task);
	int err = task_join(still.task, from_now(PATIENCE));
	task_put(still.task);
	return err;
}

/* The stack has `n` words, all 0 but the one at `at`. */
static void show(u32 n, u32 at, u32 word)
{
	memset(top_words(WORDS), 0, WORDS * sizeof(u32));
	if (at < n)
		top_words(n)[at] = word;
	still.task->sp = (u32)top_words(n);
}

/* -- unloads -------------------------------------------------------------------------------- */

static struct unload request;

static int unload(u64 patience)
{
	memset(&request, 0, sizeof(request));
	strlcpy(request.name, "null", sizeof(request.name));
	request.patience_ns = patience;
	return module_unload(&request);
}

/* In a task of its own: a loader leaves addresses of the module on its stack. */
static void load_null(void *arg)
{
	struct load_error why;
	struct module **m = arg;

	if (module_load_by_name("null", "", m, &why))
		*m = NULL;
}

static struct module *load(void)
{
	static struct module *m;
	struct task *t = task_create("insmod", PRIO_NORMAL, load_null, &m);

	if (IS_ERR(t) || task_join(t, from_now(PATIENCE)))
		return NULL;
	task_put(t);
	return m;
}

static bool is_found(u32 n, u32 at, u32 word)
{
	show(n, at, word);
	int err = unload(1);
	bool found = err == -EBUSY && request.report.nr_insiders && request.report.insider[0].task_id == still.task->id;

	if (!found)
		printk("word %u of %u, 0x%08x: %s, %u inside; %s\n", at, n, word, errno_name(err),
		       request.report.nr_insiders, request.report.error);
	return found;
}

/* Groups of eight with and without a rest, and less than one. */
static int each_word_is_found(const struct module *m)
{
	static const u32 sizes[] = { 7, 8, 17 };
	const u32 base = m->owner.base, last = base + m->owner.size - 1;

	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (u32 at = 0; at < sizes[i]; at++)
			CHECK(is_found(sizes[i], at, base));
	}
	CHECK(is_found(8, 5, last));
	show(WORDS, WORDS, 0);
	CHECK(unload(PATIENCE) == 0);
	return 0;
}

static int in_a_look(int (*body)(const struct module *m))
{
	struct module *m = load();

	CHECK(m && begin_still() == 0);		/* in this order: else it cannot be inside */
	int err = body(m);
	if (end_still())
		err = -ETIMEDOUT;
	return err;
}

static int under_both(int (*body)(void))
{
	const char *usual = strategy->name;
	int err = strategy_choose("trap");

	if (!err)
		err = body();
	if (!err)
		err = strategy_choose("census");
	if (!err)
		err = body();
	int back = strategy_choose(usual);
	return err ? err : back;
}

static int words(void) { return in_a_look(each_word_is_found); }

int test_look_reads_each_word(void) { return under_both(words); }

/* -- a module whose addresses do not begin with the same byte --------------------------------- */

static int both_sides_are_found(const struct module *m)
{
	const u32 base = m->owner.base, last = base + m->owner.size - 1;

	CHECK(base / BORDER != last / BORDER);
	CHECK(is_found(16, 3, base) && is_found(16, 3, last));
	show(WORDS, WORDS, 0);
	CHECK(unload(PATIENCE) == 0);
	return 0;
}

/* All addresses up to two pages before the next border are taken meanwhile. */
static int beside_border(void)
{
	u32 first = modspace_reserve(1), pages = 0, taken = 0;
	int err;

	CHECK(first);
	pages = (ALIGN_UP(first + 1, BORDER) - first) / PAGE_SIZE - 4 /* ours */ - 3 /* guard */ - 2;
	taken = modspace_reserve(pages);
	CHECK(taken == first + 4 * PAGE_SIZE);
	err = in_a_look(both_sides_are_found);
	modspace_release(taken, pages);
	modspace_release(first, 1);
	return err;
}

int test_look_across_a_border(void) { return under_both(beside_border); }

/* -- marks -------------------------------------------------------------------------------------- */

/* The mark of an inspection 2^32 before this one is another's. */
static int old_marks_do_not_count(const struct module *m)
{
	const u64 round = 1ull << 32;

	last_inspection += round;
	still.task->inspected = last_inspection + 1 - round;
	CHECK(is_found(8, 0, m->owner.base) && request.report.insider[0].task_id == still.task->id);
	CHECK(request.report.tries == 2);		/* in the first, too: there is no third */
	show(WORDS, WORDS, 0);
	CHECK(unload(PATIENCE) == 0);
	return 0;
}

static int marks(void) { return in_a_look(old_marks_do_not_count); }

int test_look_knows_its_marks(void) { return under_both(marks); }

/* -- registers of a task that runs ------------------------------------------------------------- */

/* Its CPU cannot come to schedule(), so it is interrupted where it spins: the address is in a
 * register, and nowhere on the stack. */
static struct { u32 not_it; volatile u32 ready, go; } kept;

static void keeps_in_register(void *unused)
{
	(void)unused;
	preempt_disable();
	__asm__ volatile("movl %2, %%ebx; notl %%ebx; movl $1, %1; 1: pause; cmpl $0, %0; je 1b; xorl %%ebx, %%ebx"
	                 :: "m"(kept.go), "m"(kept.ready), "m"(kept.not_it) : "ebx", "memory", "cc");
	preempt_enable();
}

static int in_register(u32 address)
{
	kept.not_it = ~address;
	kept.ready = kept.go = 0;
	struct task *t = task_create_on(nr_cpus - 1, "keeper", PRIO_NORMAL, keeps_in_register, NULL);
	CHECK(!IS_ERR(t));
	for (u64 end = clock_ns() + PATIENCE; !kept.ready && !clock_passed(end); )
		sleep_ms(1);
	int err = unload(1);
	u32 found = request.report.nr_insiders;
	kept.go = 1;
	CHECK(task_join(t, from_now(PATIENCE)) == 0);
	task_put(t);
	CHECK(err == -EBUSY && found);
	return 0;
}

static int registers_are_read(void)
{
	struct module *m = load();
	int err = m ? in_register(m->owner.base) : -ENOENT;

	CHECK(!m || unload(PATIENCE) == 0 || err);
	return err;
}

int test_look_reads_registers(void)
{
	return ON_CPU(0, 2, under_both(registers_are_read));		/* the other one keeps the last CPU */
}

/* -- after a trap ------------------------------------------------------------------------------ */

static volatile bool busy, over;

static void keeps_busy(void *unused)
{
	(void)unused;
	busy = true;
	while (!over)
		cpu_relax();
}

/* A CPU that has gone on must not say that it is parked, or the task it runs counts as held. Idle CPUs
 * do not park, so the last one has something to do. */
static int nobody_is_parked(void)
{
	struct module *m = load();

	busy = over = false;
	struct task *t = task_create_on(nr_cpus - 1, "busy", PRIO_LOW, keeps_busy, NULL);
	CHECK(m && !IS_ERR(t));
	for (u64 end = clock_ns() + PATIENCE; !busy && !clock_passed(end); )
		sleep_ms(1);
	int err = unload(PATIENCE);
	over = true;
	CHECK(task_join(t, from_now(PATIENCE)) == 0 && err == 0);
	task_put(t);
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		for (u64 end = clock_ns() + PATIENCE; load_acquire(&parking[cpu].trap) && !clock_passed(end); )
			sleep_ms(1);
		CHECK(!load_acquire(&parking[cpu].trap));
	}
	return 0;
}

int test_look_leaves_nobody_parked(void) { return ON_CPU(0, 1, under_both(nobody_is_parked)); }
