/* Callbacks between modules, tried out with a module that consists of the first byte
 * of one function. */
#include "entry/callback.h"
#include "entry/handle.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "shell/ktest.h"
#include "tests/kernel/fake_module.h"
#include "tests/kernel/tests.h"
#include "x86/clock.h"

#define PATIENCE (20 * NSEC_PER_SEC)

static struct owner giver;

static int given(void *data, void *arg)
{
	*(u32 *)data += (u32)arg;
	return 7;
}

static int with_giver(int (*body)(void))
{
	u32 blocks = heap_used_blocks();
	int err = fake_comes(&giver, "giver", given), end;

	if (err)
		return err;
	err = body();
	sync_reset();			/* or the unload waits for a caller who is held */
	end = fake_goes(&giver);
	if (!err && !end)
		CHECK(heap_used_blocks() == blocks);
	return err ? err : end;
}

/* -- life ------------------------------------------------------------------------------ */

static int kept;			/* what a forgetful library would keep */

static void note_description(struct entry *e, void *text)
{
	entry_describe(e, text, 96);
}

static int life_body(void)
{
	char text[96];
	u32 sum = 0;

	kept = callback_register("one", given, (void *)5);
	CHECK(kept > 0 && entries_count(&giver) == 1);
	CHECK(callback_call(kept, &sum) == 7 && sum == 5);

	fake_closes(&giver);
	CHECK(callback_call(kept, &sum) == -ENODEV && sum == 5);
	CHECK(callback_register("late", given, NULL) == -ENODEV);
	CHECK(owner_epoch(&giver) == 1);
	entries_each(&giver, note_description, text);
	CHECK(streq(text, "callback one, 1 missed"));
	fake_comes_back(&giver);
	CHECK(callback_call(kept, &sum) == 7 && sum == 10);

	int other = callback_register("other", given, NULL);
	CHECK(other > 0 && other != kept);
	CHECK(!callback_unregister(other));
	CHECK(callback_call(other, &sum) == -ENODEV);
	CHECK(entries_count(&giver) == 1);
	return 0;
}

int test_callback_life(void)
{
	u32 sum = 0;
	int err = with_giver(life_body);

	if (err)
		return err;
	/* The record is gone and its memory freed; the number is still kept. */
	CHECK(callback_call(kept, &sum) == -ENODEV && sum == 0);
	CHECK(callback_call(0, &sum) == -ENODEV && callback_call(-ENOMEM, &sum) == -ENODEV);
	return 0;
}

static int full_body(void)
{
	int first = callback_register("c", given, NULL), id = first, last = first;

	CHECK(first > 0);
	while ((id = callback_register("c", given, NULL)) > 0)
		last = id;
	CHECK(id == -ENOSPC && entries_count(&giver) > HANDLE_SLOTS / 2);
	/* In the same place of the table, but under another number. */
	CHECK(!callback_unregister(first));
	id = callback_register("c", given, NULL);
	CHECK(id > 0 && id != first && id % HANDLE_SLOTS == first % HANDLE_SLOTS);
	CHECK(callback_call(first, &id) == -ENODEV && callback_unregister(first) == -ENODEV);
	CHECK(!callback_unregister(last));
	return 0;
}

int test_callback_full(void)
{
	return with_giver(full_body);
}

/* -- in use ---------------------------------------------------------------------------- */

static u32 sum_of_call;
static int result_of_call;
static bool unregistered;

static void caller_task(void *id)
{
	result_of_call = callback_call((int)id, &sum_of_call);
}

static void unregister_task(void *id)
{
	callback_unregister((int)id);
	WRITE_ONCE(unregistered, true);
}

static int in_use_body(void)
{
	int id = callback_register("used", given, (void *)3);

	CHECK(id > 0);
	CHECK(sync_hold("callback:call", 1) == 0);
	struct task *caller = task_create("caller", PRIO_NORMAL, caller_task, (void *)id);
	CHECK(!IS_ERR(caller));
	CHECK(sync_wait_held("callback:call", clock_ns() + PATIENCE) == 0);

	struct task *end = task_create("end", PRIO_NORMAL, unregister_task, (void *)id);
	CHECK(!IS_ERR(end));
	u64 limit = clock_ns() + PATIENCE;
	while (!streq(end->waiting_for, "callback") && !clock_passed(limit))
		sleep_ms(1);		/* a busy host may not have let it get there yet */
	CHECK(task_join(end, clock_ns() + 20 * NSEC_PER_MSEC) == -ETIMEDOUT);
	CHECK(!READ_ONCE(unregistered));
	CHECK(callback_call(id, &sum_of_call) == -ENODEV);

	sync_release("callback:call");
	CHECK(task_join(caller, clock_ns() + PATIENCE) == 0);
	CHECK(task_join(end, clock_ns() + PATIENCE) == 0);
	CHECK(result_of_call == 7 && sum_of_call == 3);
	task_put(caller);
	task_put(end);
	return 0;
}

int test_callback_waits_for_callers(void)
{
	sum_of_call = 0;
	unregistered = false;
	return with_giver(in_use_body);
}
