/* Work that waits for a grace period first. With preemption off on one CPU a period does
 * not end, so what happens meanwhile can be looked at. The module is the first byte of
 * one function. */
#include "entry/work.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "shell/ktest.h"
#include "smp/percpu.h"
#include "tests/kernel/fake_module.h"
#include "tests/kernel/tests.h"
#include "x86/atomic.h"
#include "x86/clock.h"

#define PATIENCE (20 * NSEC_PER_SEC)

static struct owner owner;
static u32 runs;

static void reclaim(void *arg)
{
	(void)arg;
	atomic_add(&runs, 1);
}

static int with_module(int (*body)(void))
{
	u32 blocks = heap_used_blocks();
	int err = fake_comes(&owner, "reclaimer", reclaim), end;

	if (err)
		return err;
	runs = 0;
	err = body();
	sync_reset();			/* or the unload waits for the grace task, held */
	end = fake_goes(&owner);
	if (!err && !end)
		CHECK(heap_used_blocks() == blocks);
	return err ? err : end;
}

static bool has_run(u32 times)
{
	u64 deadline = clock_ns() + PATIENCE;

	while (READ_ONCE(runs) < times && !clock_passed(deadline))
		sleep_ms(1);
	return runs == times;
}

static char state[64];

static void note_state(struct entry *e, void *ctx)
{
	(void)ctx;
	entry_describe(e, state, sizeof(state));
}

static bool state_is(const char *text)
{
	entries_each(&owner, note_state, NULL);
	return strstr(state, text) != NULL;
}

/* As long as a period takes when nobody keeps it from ending, and more. */
static void delay(void)
{
	u64 end = clock_ns() + 20 * NSEC_PER_MSEC;

	while (!clock_passed(end))
		cpu_relax();
}

/* -- a period lasts as long as somebody may still be looking ---------------------------- */

static int waits_body(void)
{
	struct work *w = work_create("reclaim", reclaim, NULL);

	CHECK(!IS_ERR(w));
	preempt_disable();
	bool queued = work_queue_after_grace(w), again = work_queue_after_grace(w);
	delay();
	u32 too_early = READ_ONCE(runs);
	bool waits = state_is("in a grace period");
	preempt_enable();
	CHECK(queued && !again && waits && !too_early);
	CHECK(work_flush(w) == 0 && runs == 1);
	return 0;
}

int test_after_grace_waits(void)
{
	return with_module(waits_body);
}

/* -- a module that goes, or comes back, in the middle of one ------------------------------ */

static int held_back_body(void)
{
	struct work *w = work_create("reclaim", reclaim, NULL);
	u32 epoch = owner_epoch(&owner);

	CHECK(!IS_ERR(w));
	preempt_disable();
	(void)work_queue_after_grace(w);
	fake_closes(&owner);
	bool held = state_is("held back");
	preempt_enable();
	CHECK(held);
	sleep_ms(20);			/* the period that it was deferred for is over */
	CHECK(runs == 0 && owner_epoch(&owner) == epoch);

	preempt_disable();
	fake_comes_back(&owner);
	delay();
	u32 too_early = READ_ONCE(runs);
	preempt_enable();
	CHECK(!too_early && has_run(1));

	fake_closes(&owner);
	CHECK(work_queue_after_grace(w));	/* a wish, and the inspection is void */
	CHECK(owner_epoch(&owner) == epoch + 1);
	fake_comes_back(&owner);
	CHECK(has_run(2));
	return 0;
}

int test_after_grace_held_back(void)
{
	return with_module(held_back_body);
}

static int goes_body(void)
{
	struct work *w = work_create("reclaim", reclaim, NULL);

	CHECK(!IS_ERR(w));
	preempt_disable();
	(void)work_queue_after_grace(w);
	fake_closes(&owner);
	preempt_enable();
	return 0;
}

int test_after_grace_taken_back(void)
{
	int err = with_module(goes_body);

	if (err)
		return err;
	sleep_ms(20);
	CHECK(runs == 0);
	return 0;
}

/* -- the end of a period comes late: held just before it looks at the record ------------ */

static int late_anew_body(void)
{
	struct work *w = work_create("reclaim", reclaim, NULL);

	CHECK(!IS_ERR(w));
	CHECK(sync_hold("work:grace-over", 1) == 0);
	CHECK(work_queue_after_grace(w));
	CHECK(sync_wait_held("work:grace-over", clock_ns() + PATIENCE) == 0);
	CHECK(work_cancel(w));

	preempt_disable();
	(void)work_queue_after_grace(w);	/* with a period of its own, which has not begun */
	sync_release("work:grace-over");
	delay();
	u32 too_early = READ_ONCE(runs);
	preempt_enable();
	CHECK(!too_early && has_run(1));
	return 0;
}

int test_after_grace_late_anew(void)
{
	if (nr_cpus == 1) {
		printk("on one CPU the late one cannot run meanwhile\n");
		return KTEST_SKIPPED;
	}
	int err = with_module(late_anew_body);
	sync_reset();
	return err;
}

static void destroy_task(void *w)
{
	work_destroy(w);
}

static int late_destroy_body(void)
{
	struct work *w = work_create("reclaim", reclaim, NULL);

	CHECK(!IS_ERR(w));
	CHECK(sync_hold("work:grace-over", 1) == 0);
	CHECK(work_queue_after_grace(w));
	CHECK(sync_wait_held("work:grace-over", clock_ns() + PATIENCE) == 0);
	struct task *t = task_create("destroyer", PRIO_NORMAL, destroy_task, w);
	CHECK(!IS_ERR(t));
	u64 limit = clock_ns() + PATIENCE;
	while (!streq(t->waiting_for, "grace period") && !clock_passed(limit))
		sleep_ms(1);		/* until it has taken the work back */
	CHECK(task_join(t, clock_ns() + 20 * NSEC_PER_MSEC) == -ETIMEDOUT);
	sync_release("work:grace-over");
	CHECK(task_join(t, clock_ns() + PATIENCE) == 0);
	task_put(t);
	CHECK(runs == 0);
	return 0;
}

int test_after_grace_late_destroy(void)
{
	int err = with_module(late_destroy_body);

	sync_reset();
	return err;
}
