/* Counters of the safety path near the end of 32 bits, which a machine may reach. */
#include "entry/chrdev.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/frame.h"
#include "x86/paging.h"
#include "module/module.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "shell/balance_sheet.h"
#include "shell/hazard.h"
#include "shell/ktest.h"
#include "tests/kernel/fake_module.h"
#include "tests/kernel/tests.h"
#include "unload/counts.h"
#include "unload/graveyard.h"
#include "unload/hold.h"
#include "unload/inspect.h"
#include "x86/atomic.h"
#include "x86/clock.h"

#define PATIENCE (20 * NSEC_PER_SEC)
#define LOW_END  0x100000000ull		/* the first number beyond 32 bits */

static struct unload request;		/* one test at a time */

static int load(const char *name)
{
	struct load_error why;

	return module_load_by_name(name, "", NULL, &why);
}

static int unload(const char *name, u32 flags, u64 patience)
{
	memset(&request, 0, sizeof(request));
	strlcpy(request.name, name, sizeof(request.name));
	request.flags = flags;
	request.patience_ns = patience;
	return module_unload(&request);
}

static int come_and_go(u32 times)
{
	for (u32 i = 0; i < times; i++) {
		CHECK(load("null") == 0);
		CHECK(unload("null", 0, PATIENCE) == 0);
	}
	return 0;
}

/* Under trap and under census, and nothing is missing afterwards. */
static int under_both(int (*body)(void))
{
	static const char *const both[] = { "trap", "census" };
	struct balance_sheet before = balance_take(), after;
	const char *usual = strategy->name;
	int err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(both) && !err; i++) {
		err = strategy_choose(both[i]);
		if (!err)
			err = body();
	}
	sync_reset();
	int back = strategy_choose(usual);
	after = balance_after(&before, PATIENCE);
	CHECK(balance_compare("wrap", &before, &after));
	return err ? err : back;
}

/* -- the numbers that only rise ----------------------------------------------------------- */

static u64 rising aligned(8);
static bool enough;

static void raise_it(void *unused)
{
	(void)unused;
	while (!READ_ONCE(enough))
		(void)rising_next(&rising);
}

/* A reader never sees the high half of one and the low half of another: that would be
 * 2^32 too far, or too far back. */
static int read_while_it_rises(void)
{
	u64 limit = clock_ns() + 50 * NSEC_PER_MSEC, last = 0;

	while (!clock_passed(limit)) {
		u64 from = LOW_END - 100;
		while (!rising_cmpxchg(&rising, rising_read(&rising), from))	/* this once, it falls */
			;
		for (last = from; last < LOW_END + 100; ) {
			u64 now = rising_read(&rising);
			CHECK(now >= last && now < LOW_END + LOW_END / 2);
			last = now;
		}
	}
	return 0;
}

int test_wrap_rising_numbers(void)
{
	struct task *t;

	rising = LOW_END + 5;
	rising_raise(&rising, LOW_END - 5);
	CHECK(rising_read(&rising) == LOW_END + 5);		/* never back */
	rising_raise(&rising, LOW_END + 6);
	CHECK(rising_next(&rising) == LOW_END + 7 && rising_read(&rising) == LOW_END + 7);
	if (nr_cpus < 2)
		return 0;
	enough = false;
	t = task_create("raiser", PRIO_NORMAL, raise_it, NULL);
	CHECK(!IS_ERR(t));
	int err = read_while_it_rises();
	WRITE_ONCE(enough, true);
	CHECK(task_join(t, from_now(PATIENCE)) == 0);
	task_put(t);
	return err;
}

/* -- loads ---------------------------------------------------------------------------------- */

static void reader_task(void *arg)
{
	struct file *f = file_open("labrat", 0);
	char c;

	*(int *)arg = IS_ERR(f) ? PTR_ERR(f) : file_read(f, &c, 1);
	if (!IS_ERR(f))
		file_close(f);
}

/* A task that went in after so many other modules were loaded is found. `to`: where the count
 * of loads stands by then. */
static int found_after_loads(u32 to)
{
	static int result;		/* outlives a check that fails */

	result = 0;
	CHECK(load("labrat") == 0);
	WRITE_ONCE(load_generation, to);
	CHECK(load("null") == 0);
	CHECK(sync_hold("labrat:read", 1) == 0);
	struct task *t = task_create("reader", PRIO_NORMAL, reader_task, &result);
	CHECK(!IS_ERR(t) && sync_wait_held("labrat:read", from_now(PATIENCE)) == 0);
	CHECK(unload("labrat", UNLOAD_REVOKE, 50 * NSEC_PER_MSEC) == -EBUSY);
	sync_release("labrat:read");
	CHECK(task_join(t, from_now(PATIENCE)) == 0 && result == 1);
	task_put(t);
	CHECK(unload("labrat", UNLOAD_WAIT, PATIENCE) == 0);
	return unload("null", 0, PATIENCE);
}

static int loads(void)
{
	u32 before = READ_ONCE(load_generation);
	int err = found_after_loads(before + 0x7fffffff);	/* where a signed difference wraps */

	if (!err)
		err = found_after_loads(LAST_GENERATION - 1);
	if (!err)
		err = found_after_loads(LAST_GENERATION);	/* where it stays */
	bool stays = load_generation == LAST_GENERATION;
	/* Whoever ran meanwhile counts as having run since, so this is safe. */
	WRITE_ONCE(load_generation, before);
	CHECK(stays);
	return err;
}

int test_wrap_load_generation(void) { return under_both(loads); }

/* -- inspections, traps, tasks, epochs, graves, entrances ------------------------------------ */

static int inspections(void)
{
	mutex_lock(&module_remove_mutex);
	last_inspection = MAX(last_inspection, ALIGN_DOWN(last_inspection, LOW_END) + LOW_END - 3);
	u64 begin = last_inspection;
	mutex_unlock(&module_remove_mutex);
	CHECK(come_and_go(4) == 0);
	CHECK(last_inspection >= ALIGN_DOWN(begin, LOW_END) + LOW_END);
	return 0;
}

int test_wrap_inspections(void) { return under_both(inspections); }

static int traps(void)
{
	mutex_lock(&module_remove_mutex);
	last_trap = ~0u - 2;
	mutex_unlock(&module_remove_mutex);
	CHECK(come_and_go(6) == 0);
	CHECK(last_trap && last_trap < 1000);
	return 0;
}

int test_wrap_traps(void) { return under_both(traps); }

static void end_at_once(void *unused) { (void)unused; }

/* Ids of tasks that exist, from the first on, are not given out again. */
static int ids_are_unique(void)
{
	struct task *t[8] = { NULL };
	int err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		t[i] = task_create("id", PRIO_NORMAL, end_at_once, NULL);
	for (u32 i = 0; i < ARRAY_SIZE(t) && !err; i++) {
		struct task *found = IS_ERR(t[i]) ? NULL : task_find(t[i]->id);
		err = found == t[i] && t[i]->id ? 0 : -EIO;
		if (found)
			task_put(found);
	}
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		if (IS_ERR(t[i]))
			continue;
		while (task_join(t[i], WAIT_FOREVER))
			;
		task_put(t[i]);
	}
	CHECK(!err);
	return 0;
}

int test_wrap_task_ids(void)
{
	u32 flags = spin_lock_irqsave(&tasklist_lock), before = last_task_id;
	u64 newest;

	last_task_id = ~0u - 2;
	spin_unlock_irqrestore(&tasklist_lock, flags);
	newest = newest_task();
	int err = ids_are_unique();
	CHECK(newest_task() > newest);
	flags = spin_lock_irqsave(&tasklist_lock);
	last_task_id = before;
	spin_unlock_irqrestore(&tasklist_lock, flags);
	return err;
}

int test_wrap_epoch(void)
{
	static struct owner fake;

	CHECK(fake_comes(&fake, "fake", (void *)end_at_once) == 0);
	fake.epoch = LOW_END - 1;
	u64 epoch = owner_epoch(&fake);
	fake_closes(&fake);
	owner_raise_epoch(&fake);
	CHECK(owner_epoch(&fake) == LOW_END && !owner_commit_gone(&fake, epoch));
	return fake_goes(&fake);
}

static int graves(void)
{
	struct grave_info g;

	last_grave = MAX(last_grave, ALIGN_DOWN(last_grave, LOW_END) + LOW_END - 2);
	CHECK(come_and_go(1) == 0);
	CHECK(load("zero") == 0 && unload("zero", 0, PATIENCE) == 0);
	CHECK(come_and_go(1) == 0 && load("zero") == 0 && unload("zero", 0, PATIENCE) == 0);
	CHECK(last_grave > LOW_END && graveyard_nth(0, &g) && streq(g.name, "zero"));
	CHECK(graveyard_nth(1, &g) && streq(g.name, "null") && graveyard_nth(2, &g) && streq(g.name, "zero"));
	return 0;
}

int test_wrap_graves(void) { return under_both(graves); }

int test_wrap_entrances(void)
{
	struct count before = counts[0][MAX_OWNERS];

	counts[0][MAX_OWNERS] = (struct count){ ~0u, ~0u - 1 };
	u32 one = count_inside(MAX_OWNERS);
	counts[0][MAX_OWNERS] = (struct count){ 0, ~0u };
	u32 still_one = count_inside(MAX_OWNERS);
	counts[0][MAX_OWNERS] = before;
	CHECK(one == 1 && still_one == 1);
	return 0;
}

/* -- a look that comes late -------------------------------------------------------------------- */

static u32 yields;

static void yield_all_the_time(void *unused)
{
	(void)unused;
	while (!task_should_stop()) {
		yield();
		WRITE_ONCE(yields, yields + 1);
	}
}

static int come_and_go_soon(void)
{
	int err = load("null");

	if (!err)
		err = unload("null", 0, NSEC_PER_SEC);
	if (err == -EBUSY)
		printk("(%s: anew)\n", request.report.error);
	return err;
}

static void comes_and_goes(void *err) { *(int *)err = come_and_go_soon(); }

/* Holds a census between its start and its first question, until the late CPU looks at itself for it. */
static int late_look_begins(struct task *late)
{
	static int err;

	err = -ETIMEDOUT;
	CHECK(sync_hold_how("census:look", 1, (struct sync_how){ .only = late->id }) == 0);
	CHECK(sync_hold("census:watch", 1) == 0);
	struct task *t = task_create_on(0, "census", PRIO_NORMAL, comes_and_goes, &err);
	CHECK(!IS_ERR(t));
	int held = sync_wait_held("census:look", from_now(PATIENCE));
	sync_release("census:watch");
	CHECK(task_join(t, from_now(PATIENCE)) == 0);
	task_put(t);
	return held ? held : err;
}

/*	another task, CPU 0		the late one, CPU 1
 *	census n			in schedule(): begins its look for n
 *	census n + 1: by IPI,
 *	  it has passed n + 1
 *	lets it go
 *					its look for n says: outside; what is it marked? */
static int late_look(struct task *late)
{
	int err = late_look_begins(late);
	if (!err)
		err = come_and_go_soon();
	if (err)
		return err;
	u64 mark = rising_read(&late->inspected), limit = clock_ns() + PATIENCE;
	u32 before = READ_ONCE(yields);
	CHECK(mark);
	sync_release("census:look");
	while (READ_ONCE(yields) == before && !clock_passed(limit))
		sleep_ms(1);
	CHECK(READ_ONCE(yields) != before);
	CHECK(rising_read(&late->inspected) >= mark);
	return 0;
}

static int late_look_on_cpu_1(void)
{
	struct task *late = task_create_on(1, "late", PRIO_LOW, yield_all_the_time, NULL);

	CHECK(!IS_ERR(late));
	int err = -EBUSY;
	/* A stale word on the stack of the late one, which is held, may look as if it were inside. */
	for (u32 i = 0; i < 8 && err == -EBUSY; i++) {
		err = late_look(late);
		sync_reset();
		if (err == -EBUSY)
			CHECK(unload("null", UNLOAD_WAIT, PATIENCE) == 0);
	}
	task_ask_stop(late);
	CHECK(task_join(late, from_now(PATIENCE)) == 0);
	task_put(late);
	return err;
}

int test_census_late_look(void)
{
	const char *usual = strategy->name;

	if (nr_cpus < 2) {
		printk("needs two CPUs\n");
		return KTEST_SKIPPED;
	}
	CHECK(strategy_choose("census") == 0);
	task_set_affinity(current, ~CPU_BIT(1) & cpus_online);
	int err = late_look_on_cpu_1();
	task_set_affinity(current, ~0ull);
	int back = strategy_choose(usual);
	return err ? err : back;
}

/* -- graves ------------------------------------------------------------------------------------ */

/* More burials than there are graves between the digging of one and its filling. */
static int fill_late(void)
{
	static struct load_error why;
	struct module *m;
	struct grave_info g;

	CHECK(module_load_by_name("labrat", "", &m, &why) == 0);
	u64 grave = graveyard_dig(m, "test", "test");
	CHECK(come_and_go(GRAVEYARD_SIZE) == 0);
	struct freed_image image = { .frame = kzalloc(sizeof(paddr_t)), .pages = 1 };
	CHECK(image.frame);
	graveyard_fill(grave, &image);
	CHECK(!image.frame);
	for (u32 i = 0; graveyard_nth(i, &g); i++)
		CHECK(streq(g.name, "null") && !g.kept);
	return unload("labrat", 0, PATIENCE);
}

int test_graveyard_fill_is_late(void)
{
	struct balance_sheet before = balance_take(), after;
	int err = fill_late();

	after = balance_after(&before, PATIENCE);
	CHECK(balance_compare("graves", &before, &after));
	return err;
}

/* -- graves give up their names where memory is short ------------------------------------ */

/* Each frame has the address of the one before. */
static paddr_t take_frames(u32 left)
{
	paddr_t last = 0, one;

	while (frame_available() > left && (one = frame_alloc())) {
		*(paddr_t *)phys_to_virt(one) = last;
		last = one;
	}
	return last;
}

static void give_frames_back(paddr_t last)
{
	while (last) {
		paddr_t one = last;

		last = *(paddr_t *)phys_to_virt(one);
		frame_free(one);
	}
}

static int names_go(void)
{
	graveyard_clear();
	u32 blocks = heap_used_blocks();

	CHECK(load("null") == 0 && unload("null", 0, PATIENCE) == 0);
	CHECK(heap_used_blocks() == blocks + 2);		/* its names, and its symbols */
	paddr_t taken = take_frames(frame_total() / NAMES_SHORT - 1);
	int err = load("null");
	if (!err)
		err = unload("null", 0, PATIENCE);
	u32 now = heap_used_blocks();
	give_frames_back(taken);
	CHECK(!err && now == blocks);
	return 0;
}

int test_graveyard_gives_names_up(void)
{
	struct balance_sheet before = balance_take(), after;
	int err = names_go();

	after = balance_after(&before, PATIENCE);
	CHECK(balance_compare("graves", &before, &after));
	return err;
}
