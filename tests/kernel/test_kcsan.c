/* The race detector itself (KCSAN=1): a race that is planted here is found, and what is no race
 * is not. Only in that build. */
#include "check/kcsan.h"
#include "lib/errno.h"
#include "sched/sched.h"
#include "shell/ktest.h"
#include "smp/percpu.h"
#include "smp/spinlock.h"
#include "tests/kernel/tests.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/panic.h"

#define PATIENCE   (20 * NSEC_PER_SEC)
#define LONG_ALONE (NSEC_PER_SEC / 2)

struct planted {
	struct spinlock lock;
	u32 value;
	bool stop;
};

static void write_plainly(void *arg)
{
	struct planted *p = arg;

	while (!READ_ONCE(p->stop)) {
		p->value++;
		cpu_relax();
	}
}

static void write_marked(void *arg)
{
	struct planted *p = arg;

	while (!READ_ONCE(p->stop)) {
		WRITE_ONCE(p->value, READ_ONCE(p->value) + 1);
		cpu_relax();
	}
}

static void write_locked(void *arg)
{
	struct planted *p = arg;

	while (!READ_ONCE(p->stop)) {
		spin_lock(&p->lock);
		p->value++;
		spin_unlock(&p->lock);
	}
}

/* Runs both at the same time, on two CPUs, until a race is seen or `ns` are over; how many
 * races were seen. */
static int races_of(void (*one)(void *), void (*other)(void *), u64 ns)
{
	static struct planted p = { .lock = SPINLOCK("planted", RANK_DEVICE) };
	u32 before = kcsan_expected();
	u64 end = clock_ns() + ns;
	struct task *t[2];

	p.stop = false;
	kcsan_expect(&p.value, sizeof(p.value));
	for (u32 i = 0; i < 2; i++) {
		t[i] = task_create_on(i, "racer", PRIO_NORMAL, i ? other : one, &p);
		if (IS_ERR(t[i]))
			panic("no memory for a test's task");
	}
	while (kcsan_expected() == before && !clock_passed(end))
		sleep_ns(NSEC_PER_MSEC);
	WRITE_ONCE(p.stop, true);
	for (u32 i = 0; i < 2; i++) {
		if (task_join(t[i], clock_ns() + PATIENCE))
			panic("a test's task does not end");
		task_put(t[i]);
	}
	kcsan_expect(NULL, 0);
	return (int)(kcsan_expected() - before);
}

int test_kcsan_finds_a_race(void)
{
	if (nr_cpus < 2)
		return KTEST_SKIPPED;
	CHECK(races_of(write_plainly, write_plainly, PATIENCE) > 0);
	CHECK(races_of(write_plainly, write_marked, PATIENCE) > 0);
	return 0;
}

int test_kcsan_passes_what_is_none(void)
{
	u32 watched = kcsan_watched();

	if (nr_cpus < 2)
		return KTEST_SKIPPED;
	CHECK(races_of(write_marked, write_marked, LONG_ALONE) == 0);
	CHECK(races_of(write_locked, write_locked, LONG_ALONE) == 0);
	CHECK(kcsan_watched() > watched);
	return 0;
}

/* Comes last in this file: what was found up to here, in all of the run. */
int test_kcsan_has_found_nothing(void)
{
	printk("KCSAN: %u accesses were watched, %u races found\n", kcsan_watched(), kcsan_races());
	return kcsan_races() ? -EIO : 0;
}
