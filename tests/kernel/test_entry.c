/* Entry points, tried out with a module that lies inside the kernel: a few
 * functions in a section of their own, and an owner with that range. */
#include "entry/chrdev.h"
#include "entry/dma.h"
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
#include "tests/kernel/on_cpu.h"
#include "tests/kernel/tests.h"
#include "x86/apic.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/paging.h"

#define PATIENCE_NS (20 * NSEC_PER_SEC)
#define TEST_IRQ    6u			/* the floppy's: an edge, and nobody drives it */
#define LEVEL_IRQ   5u			/* level-triggered in QEMU, where PCI uses it */

/* Polls: what is waited for happens in interrupts and other tasks. */
#define CHECK_SOON(cond)                                                        \
	do {                                                                    \
		u64 deadline_ = clock_ns() + PATIENCE_NS;                       \
		while (!(cond) && !clock_passed(deadline_))                     \
			sleep_ms(1);                                            \
		if (!(cond)) {                                                  \
			printk("%s:%d: not so in 20 s: %s\n", __FILE__, __LINE__, #cond); \
			return -EIO;                                            \
		}                                                               \
	} while (0)

/* -- the module ------------------------------------------------------------------ */

#define FAKE_TEXT noinline __attribute__((section(".text.fake_module")))
/* Subsection 1 of that section: behind all functions in it. */
__asm__(".pushsection .text.fake_module, 1, \"ax\", @progbits\n"
        "fake_module_end:\n"
        ".popsection\n");
extern const char fake_module_end[];

static struct owner fake;
static struct wait_queue fake_queue = WAIT_QUEUE(fake_queue, "fake");
static u32 runs, starts, inside, most_inside, releases;
static bool hold_inside;

static FAKE_TEXT void fake_count(void *arg)
{
	(void)arg;
	atomic_add(&runs, 1);
}

static FAKE_TEXT void fake_slow(void *arg)
{
	u32 now = atomic_add(&inside, 1);

	(void)arg;
	most_inside = MAX(most_inside, now);
	while (READ_ONCE(hold_inside))
		sleep_ms(1);
	atomic_sub(&inside, 1);
	atomic_add(&runs, 1);
}

static FAKE_TEXT enum irq_result fake_irq(u32 irq, void *arg)
{
	(void)irq, (void)arg;
	atomic_add(&runs, 1);
	return IRQ_HANDLED;
}

static FAKE_TEXT void fake_thread(void *arg)
{
	(void)arg;
	atomic_add(&starts, 1);
	while (!kthread_should_stop())
		(void)sleep_interruptible_ns(NSEC_PER_SEC);
}

static FAKE_TEXT void fake_notified(u32 event, void *data, void *arg)
{
	u32 *order = data;

	(void)event;
	*order = *order * 10 + (u32)arg;
}

static FAKE_TEXT int fake_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	atomic_add(&runs, 1);
	return (int)len;
}

static FAKE_TEXT int fake_write(struct file *f, const void *buf, u32 len)
{
	(void)f, (void)buf;
	atomic_add(&runs, 1);
	return (int)len;
}

static FAKE_TEXT int fake_read_sleeps(struct file *f, void *buf, u32 len)
{
	int err;

	(void)f, (void)buf;
	atomic_add(&inside, 1);
	err = wait_event(&fake_queue, !READ_ONCE(hold_inside));
	atomic_sub(&inside, 1);
	return err ? err : (int)len;
}

static FAKE_TEXT void fake_release(struct file *f)
{
	(void)f;
	atomic_add(&releases, 1);
}

static FAKE_TEXT int fake_open_fails(struct file *f)
{
	(void)f;
	return -EACCES;
}

static FAKE_TEXT void fake_stop(void *arg)
{
	(*(u32 *)arg)++;
}

static const struct chrdev_ops fake_ops = { .read = fake_read, .release = fake_release };
static const struct chrdev_ops fake_both_ops = { .read = fake_read, .write = fake_write, .release = fake_release };
static const struct chrdev_ops fake_sleepy_ops = { .read = fake_read_sleeps, .release = fake_release };
static const struct chrdev_ops fake_shy_ops = { .open = fake_open_fails };

static void fake_job(void *arg);
static void note_entry(void);
static void storm_tick(void *arg);
static void storm_item(void *arg);
static enum irq_result storm_irq(u32 irq, void *arg);
static int storm_read(struct file *f, void *buf, u32 len);

static const u32 fake_functions[] = {
	(u32)fake_count, (u32)fake_slow, (u32)fake_irq, (u32)fake_thread, (u32)fake_notified,
	(u32)fake_read, (u32)fake_write, (u32)fake_read_sleeps, (u32)fake_release, (u32)fake_open_fails, (u32)fake_stop,
	(u32)fake_job, (u32)note_entry, (u32)storm_tick, (u32)storm_item, (u32)storm_irq, (u32)storm_read,
};

static u32 blocks_before, entries_before;

static int fake_load(void)
{
	int err;

	runs = starts = inside = most_inside = releases = 0;
	hold_inside = false;
	blocks_before = heap_used_blocks();
	entries_before = entries_count(NULL);
	memset(&fake, 0, sizeof(fake));
	strlcpy(fake.name, "fake", sizeof(fake.name));
	fake.base = ~0u;
	for (u32 i = 0; i < ARRAY_SIZE(fake_functions); i++)
		fake.base = MIN(fake.base, fake_functions[i]);
	fake.size = (u32)fake_module_end - fake.base;
	err = owner_register(&fake);
	if (!err)
		owner_set_state(&fake, OWNER_LIVE);
	return err;
}

static void fake_go(void)
{
	owner_set_state(&fake, OWNER_GOING);
	entries_close(&fake);
}

static void fake_come_back(void)
{
	owner_set_state(&fake, OWNER_LIVE);
	entries_reopen(&fake);
}

static void nothing(void *arg, const struct regs *regs, u32 sp)
{
	(void)arg, (void)regs, (void)sp;
}

/* What an unload does after its commit. Then all must be as it was. */
static int fake_unload(void)
{
	WRITE_ONCE(hold_inside, false);
	if (fake.state != OWNER_GOING)
		fake_go();
	CHECK(owner_commit_gone(&fake, owner_epoch(&fake)));
	entries_unlink(&fake, NULL, NULL);
	CHECK(!smp_call(cpus_online, nothing, NULL, PATIENCE_NS));
	entries_free(&fake);
	owner_unregister(&fake);
	CHECK(entries_count(NULL) == entries_before);
	return 0;
}

/* Runs `body` between load and unload. */
static int with_fake(int (*body)(void))
{
	int err = fake_load(), end;

	if (err)
		return err;
	err = body();
	end = fake_unload();
	return err ? err : end;
}

/* -- owners --------------------------------------------------------------------------- */

static int owner_of_body(void)
{
	CHECK(owner_of((u32)fake_count) == &fake);
	CHECK(owner_of(fake.base) == &fake);
	CHECK(owner_of(fake.base - 1) == &core_owner);
	CHECK(owner_of(fake.base + fake.size - 1) == &fake);
	CHECK(owner_of(fake.base + fake.size) == &core_owner);
	CHECK(owner_of(0) == &core_owner);
	return 0;
}

int test_entry_owner_of(void)
{
	int err = with_fake(owner_of_body);

	CHECK(owner_of((u32)fake_count) == &core_owner);
	return err;
}

/* A code pointer that is handed over while the module is going is refused and
 * raises the epoch; from its exit it is refused, and that is all. */
static int seal_body(void)
{
	u32 epoch;

	fake_go();
	epoch = owner_epoch(&fake);
	CHECK(PTR_ERR(timer_create("t", fake_count, NULL)) == -ENODEV);
	CHECK(owner_epoch(&fake) == epoch + 1);
	CHECK(PTR_ERR(work_create("w", fake_count, NULL)) == -ENODEV);
	CHECK(PTR_ERR(kthread_run(fake_thread, NULL, "t")) == -ENODEV);
	CHECK(PTR_ERR(chrdev_register("fake", &fake_ops, NULL)) == -ENODEV);
	CHECK(PTR_ERR(request_irq(TEST_IRQ, fake_irq, 0, "i", NULL)) == -ENODEV);
	CHECK(PTR_ERR(notifier_register(&reboot_chain, "n", fake_notified, NULL, 0)) == -ENODEV);
	CHECK(PTR_ERR(dma_map("d", (void *)fake.base, 4, fake_stop, NULL)) == -ENODEV);
	CHECK(owner_epoch(&fake) == epoch + 7);
	CHECK(!owner_commit_gone(&fake, epoch));

	epoch = owner_epoch(&fake);
	owner_set_exiting(&fake, current);
	CHECK(PTR_ERR(timer_create("t", fake_count, NULL)) == -ENODEV);
	owner_set_exiting(&fake, NULL);
	CHECK(owner_epoch(&fake) == epoch);
	CHECK(entries_count(&fake) == 0);
	return 0;
}

int test_entry_seal(void)
{
	return with_fake(seal_body);
}

/* -- timers and work ------------------------------------------------------------------- */

static int timer_body(void)
{
	struct timer *t = timer_create("blink", fake_count, NULL);
	u32 epoch;

	CHECK(!IS_ERR(t));
	CHECK(!timer_arm(t, NSEC_PER_MSEC));
	CHECK_SOON(READ_ONCE(runs) == 1);

	/* Armed before, due while closed. Interrupts off: it is this CPU's, and would fire
	 * in between when the host stands still here. */
	u32 flags = irq_save();
	int err = timer_arm(t, 20 * NSEC_PER_MSEC);
	fake_go();
	irq_restore(flags);
	CHECK(!err);
	sleep_ms(40);
	CHECK(READ_ONCE(runs) == 1);
	fake_come_back();
	CHECK_SOON(READ_ONCE(runs) == 2);

	/* Armed while closed. */
	fake_go();
	epoch = owner_epoch(&fake);
	CHECK(timer_arm(t, NSEC_PER_MSEC) == -ENODEV);
	CHECK(owner_epoch(&fake) == epoch + 1);
	sleep_ms(10);
	CHECK(READ_ONCE(runs) == 2);
	fake_come_back();
	CHECK_SOON(READ_ONCE(runs) == 3);

	/* Neither due nor wanted. */
	fake_go();
	fake_come_back();
	CHECK(!timer_cancel(t));
	CHECK(!timer_arm(t, 50 * NSEC_PER_SEC));
	CHECK(timer_cancel(t));
	timer_destroy(t);
	CHECK(entries_count(&fake) == 0);
	return 0;
}

/* It fires between the close and the roll-back, and is held back after that:
 *
 *	CPU 1 (timer interrupt)			CPU 0
 *	has left its queue
 *						closes: it is in no queue
 *	finds no function
 *						opens again: nothing is wanted
 *	has to arm it anew
 */
static struct timer *late;

static void arm_late(void *unused)
{
	(void)unused;
	if (timer_arm(late, NSEC_PER_MSEC))
		printk("late: not armed\n");
}

static int fires_between(void)
{
	struct sync_how spins = { .spins = true };

	late = timer_create("late", fake_count, NULL);
	CHECK(!IS_ERR(late));
	CHECK(!sync_hold_how("timer:fire", 1, spins) && !sync_hold_how("timer:held-back", 1, spins));
	struct task *t = task_create_on(1, "arms", PRIO_NORMAL, arm_late, NULL);
	CHECK(!IS_ERR(t) && !sync_wait_held("timer:fire", clock_ns() + PATIENCE_NS));
	fake_go();
	sync_release("timer:fire");
	CHECK(!sync_wait_held("timer:held-back", clock_ns() + PATIENCE_NS));
	fake_come_back();
	sync_release("timer:held-back");
	CHECK(!task_join(t, clock_ns() + PATIENCE_NS));
	task_put(t);
	CHECK_SOON(READ_ONCE(runs) == 1);
	timer_destroy(late);
	return 0;
}

static int timer_held_back_body(void)
{
	int err = ON_CPU(0, 1, fires_between());		/* the held one keeps CPU 1 */

	sync_reset();
	return err;
}

int test_entry_timer_held_back(void)
{
	if (nr_cpus < 2) {
		printk("needs two CPUs\n");
		return KTEST_SKIPPED;
	}
	return with_fake(timer_held_back_body);
}

int test_entry_timer(void)
{
	return with_fake(timer_body);
}

static int work_body(void)
{
	struct work *w = work_create("slow", fake_slow, NULL);
	u32 epoch;

	CHECK(!IS_ERR(w));
	/* Queued again while it runs: waits, and never runs beside itself. */
	hold_inside = true;
	CHECK(work_queue(w));
	CHECK_SOON(READ_ONCE(inside) == 1);
	CHECK(work_queue(w));
	CHECK(!work_queue(w));
	sleep_ms(5);
	WRITE_ONCE(hold_inside, false);
	CHECK(!work_flush(w));
	CHECK(READ_ONCE(runs) == 2 && most_inside == 1);

	/* Queued when the records are closed: taken out, and put back. */
	hold_inside = true;
	CHECK(work_queue(w));
	CHECK_SOON(READ_ONCE(inside) == 1);
	CHECK(work_queue(w));
	fake_go();
	WRITE_ONCE(hold_inside, false);
	CHECK_SOON(READ_ONCE(runs) == 3);
	sleep_ms(10);
	CHECK(READ_ONCE(runs) == 3);
	fake_come_back();
	CHECK(!work_flush(w));
	CHECK(READ_ONCE(runs) == 4);

	/* Held back while it is closed, and raised the epoch. */
	fake_go();
	epoch = owner_epoch(&fake);
	CHECK(work_queue(w));
	CHECK(!work_queue(w));
	CHECK(owner_epoch(&fake) != epoch);
	sleep_ms(10);
	CHECK(READ_ONCE(runs) == 4);
	fake_come_back();
	CHECK(!work_flush(w));
	CHECK(READ_ONCE(runs) == 5);

	/* Cancelled while it is held back. */
	fake_go();
	CHECK(work_queue(w));
	CHECK(work_cancel(w));
	fake_come_back();
	CHECK(!work_flush(w));
	CHECK(READ_ONCE(runs) == 5);
	work_destroy(w);
	return 0;
}

int test_entry_work(void)
{
	return with_fake(work_body);
}

/* A destroy waits for the one that runs. */
static int work_flush_body(void)
{
	struct work *w = work_create("slow", fake_slow, NULL);
	u64 start = clock_ns();

	CHECK(!IS_ERR(w));
	hold_inside = true;
	CHECK(work_queue(w));
	CHECK_SOON(READ_ONCE(inside) == 1);
	WRITE_ONCE(hold_inside, false);
	work_destroy(w);
	CHECK(READ_ONCE(inside) == 0 && READ_ONCE(runs) == 1);
	CHECK(clock_ns() - start < PATIENCE_NS);
	return 0;
}

int test_entry_work_flush(void)
{
	return with_fake(work_flush_body);
}

/* Items that sleep, as they may, on all workers: another one runs all the same. And as many as a module may
 * occupy, and more: those wait for one of their own, and items of others for none of them. */
#define SLEEPERS 40u

static u32 asleep, ran;
static bool may_wake;
static struct work *waits_for;
static struct wait_queue awaited = WAIT_QUEUE(awaited, "work that sleeps");

static void sleeping_item(void *unused)
{
	(void)unused;
	atomic_add(&asleep, 1);
	(void)wait_event_core(&awaited, READ_ONCE(may_wake), WAIT_FOREVER);
}

static void short_item(void *unused) { (void)unused; atomic_add(&ran, 1); }

/* It queues another one and waits for it, which on one CPU takes a second worker. */
static void waiting_item(void *unused)
{
	(void)unused;
	(void)work_queue(waits_for);
	(void)!work_flush(waits_for);
	atomic_add(&ran, 1);
}

static bool comes_to(const u32 *count, u32 n)
{
	u64 end = clock_ns() + 20 * NSEC_PER_SEC;

	while (READ_ONCE(*count) != n && !clock_passed(end))
		sleep_ms(1);
	return READ_ONCE(*count) == n;
}

static int workers_body(void)
{
	static struct work *sleeper[SLEEPERS];
	struct work *pair = work_create("pair", waiting_item, NULL), *fakes = work_create("fake", fake_count, NULL);
	u32 counted = READ_ONCE(runs), tasks = READ_ONCE(nr_tasks);

	waits_for = work_create("short", short_item, NULL);
	CHECK(!IS_ERR(pair) && !IS_ERR(waits_for) && !IS_ERR(fakes));
	asleep = ran = 0;
	may_wake = false;
	for (u32 i = 0; i < nr_cpus; i++) {
		sleeper[i] = work_create("sleeper", sleeping_item, NULL);
		CHECK(!IS_ERR(sleeper[i]) && work_queue(sleeper[i]));
	}
	bool all = comes_to(&asleep, nr_cpus);
	CHECK(work_queue(pair));
	bool paired = comes_to(&ran, 2);
	for (u32 i = nr_cpus; i < SLEEPERS; i++) {
		sleeper[i] = work_create("sleeper", sleeping_item, NULL);
		CHECK(!IS_ERR(sleeper[i]) && work_queue(sleeper[i]));
	}
	bool share = comes_to(&asleep, 32);	/* a module's share (work.c) */
	CHECK(work_queue(fakes));
	bool others = false;
	for (u32 ms = 0; ms < 20000 && !others; ms++, sleep_ms(1))
		others = READ_ONCE(runs) != counted;
	bool held = READ_ONCE(asleep) == 32;
	WRITE_ONCE(may_wake, true);
	wake_all(&awaited);
	bool rest = comes_to(&asleep, SLEEPERS);
	for (u32 i = 0; i < SLEEPERS; i++)
		CHECK(work_destroy(sleeper[i]) == 0);
	CHECK(work_destroy(pair) == 0 && work_destroy(waits_for) == 0 && work_destroy(fakes) == 0);
	CHECK(all && paired);
	CHECK(share && others && held && rest);
	CHECK_SOON(READ_ONCE(nr_tasks) <= tasks && !READ_ONCE(nr_exiting));	/* the spare workers end */
	return 0;
}

int test_entry_work_that_sleeps(void) { return with_fake(workers_body); }

/* -- interrupts -------------------------------------------------------------------------- */

static bool find_line(u32 irq, struct irq_info *out)
{
	for (u32 i = 0; irq_nth(i, out); i++)
		if (out->irq == irq)
			return true;
	return false;
}

/* What the I/O APIC would send. */
static int raise_line(u32 irq)
{
	struct irq_info line;

	CHECK(find_line(irq, &line));
	lapic_send(cpus[line.cpu]->apic_id, line.vector);
	return 0;
}

static int irq_body(void)
{
	u32 lines = irq_lines_in_use();
	struct irq_action *a = request_irq(TEST_IRQ, fake_irq, 0, "fake", NULL);

	CHECK(!IS_ERR(a));
	CHECK(irq_lines_in_use() == lines + 1);
	CHECK(PTR_ERR(request_irq(TEST_IRQ, fake_irq, IRQF_SHARED, "other", NULL)) == -EBUSY);
	CHECK(!raise_line(TEST_IRQ));
	CHECK_SOON(READ_ONCE(runs) == 1);

	fake_go();
	for (u32 i = 0; i < 2; i++) {
		struct irq_info before, now;
		CHECK(find_line(TEST_IRQ, &before));
		CHECK(!raise_line(TEST_IRQ));
		CHECK_SOON(find_line(TEST_IRQ, &now) && now.count != before.count);
		/* ... and is out of the interrupt, which may find it open else. */
		CHECK(!smp_call(cpus_online, nothing, NULL, PATIENCE_NS));
	}
	CHECK(READ_ONCE(runs) == 1);
	fake_come_back();
	CHECK_SOON(READ_ONCE(runs) == 2);
	sleep_ms(5);
	CHECK(READ_ONCE(runs) == 2);		/* once, however many came */

	free_irq(a);
	CHECK(irq_lines_in_use() == lines);
	CHECK(PTR_ERR(request_irq(4000, fake_irq, 0, "fake", NULL)) == -EINVAL);
	return 0;
}

int test_entry_irq(void)
{
	return with_fake(irq_body);
}

/* A level that is held back stays masked until its handler is there again. */
static int irq_level_body(void)
{
	struct irq_action *a = request_irq(LEVEL_IRQ, fake_irq, IRQF_SHARED, "fake", NULL);
	struct irq_info line;

	if (PTR_ERR(a) == -EBUSY)
		return KTEST_SKIPPED;
	CHECK(!IS_ERR(a));
	CHECK(find_line(LEVEL_IRQ, &line) && !line.masked);
	if (!line.level)
		return KTEST_SKIPPED;
	fake_go();
	CHECK(!raise_line(LEVEL_IRQ));
	CHECK_SOON(find_line(LEVEL_IRQ, &line) && line.masked);
	fake_come_back();
	CHECK(find_line(LEVEL_IRQ, &line) && !line.masked);
	CHECK(!raise_line(LEVEL_IRQ));
	CHECK_SOON(READ_ONCE(runs) == 1);
	return 0;
}

int test_entry_irq_level(void)
{
	return with_fake(irq_level_body);
}

static enum irq_result core_quiet(u32 irq, void *arg)
{
	(void)irq, (void)arg;
	return IRQ_NONE;
}

/* ... but its neighbours are served all the same, however long that takes. */
static int irq_level_shared_body(void)
{
	struct irq_info before, line;

	CHECK(!IS_ERR(request_irq(LEVEL_IRQ, fake_irq, IRQF_SHARED, "fake", NULL)));
	CHECK(find_line(LEVEL_IRQ, &before));
	if (!before.level)
		return KTEST_SKIPPED;
	fake_go();
	for (u32 i = 1; i <= 3; i++) {
		CHECK(!raise_line(LEVEL_IRQ));
		CHECK_SOON(find_line(LEVEL_IRQ, &line) && line.unhandled == before.unhandled + i);
		CHECK_SOON(find_line(LEVEL_IRQ, &line) && !line.masked);
	}
	CHECK(READ_ONCE(runs) == 0);
	fake_come_back();
	CHECK(find_line(LEVEL_IRQ, &line) && !line.masked);
	return 0;
}

int test_entry_irq_level_shared(void)
{
	struct irq_action *neighbour = request_irq(LEVEL_IRQ, core_quiet, IRQF_SHARED, "core", NULL);
	int err;

	if (PTR_ERR(neighbour) == -EBUSY)
		return KTEST_SKIPPED;
	CHECK(!IS_ERR(neighbour));
	err = with_fake(irq_level_shared_body);
	CHECK(!free_irq(neighbour));
	return err;
}

static u32 stuck_runs, stuck_mine;

/* A neighbour that has served its device when stuck_mine says so. */
static enum irq_result stuck_irq(u32 irq, void *arg)
{
	(void)irq, (void)arg;
	atomic_add(&stuck_runs, 1);
	if (!READ_ONCE(stuck_mine))
		return IRQ_NONE;
	atomic_sub(&stuck_mine, 1);
	return IRQ_HANDLED;
}

static int raise_until_stuck(u32 irq)
{
	u64 end = clock_ns() + PATIENCE_NS;
	struct irq_info line;

	do {
		CHECK(!clock_passed(end));
		for (u32 i = 0; i < 100; i++)
			CHECK(!raise_line(irq));
		CHECK(find_line(irq, &line));
	} while (!line.polled);
	return 0;
}

/* Unhandled interrupts, until the line is polled. Raised on the line's own CPU: another CPU
 * would send several before the first is taken, and equal vectors merge in the IRR. */
static int get_it_stuck(u32 irq)
{
	struct irq_info line;

	CHECK(find_line(irq, &line));
	return ON_CPU(line.cpu, 1, raise_until_stuck(irq));
}

/* The device of a driver that has gone keeps the line up: the others are served all the same, as
 * long as that lasts; and when it is over, all is as before. */
static int stuck_body(u32 irq)
{
	struct irq_info line;

	for (u32 i = 0; i < 2; i++) {
		CHECK(!get_it_stuck(irq));
		CHECK_SOON(find_line(irq, &line) && !line.masked);
		u32 before = READ_ONCE(stuck_runs);
		CHECK(!raise_line(irq));	/* the device pulls still: masked, polled */
		CHECK_SOON(READ_ONCE(stuck_runs) != before);
		CHECK_SOON(find_line(irq, &line) && !line.masked);
		/* The neighbour's own. If it was an edge while the line was masked, the poll
		 * raises the vector instead. */
		WRITE_ONCE(stuck_mine, 1);
		CHECK(!raise_line(irq));
		CHECK_SOON(!READ_ONCE(stuck_mine));
		CHECK_SOON(find_line(irq, &line) && !line.polled && !line.masked);
	}
	return 0;
}

static int stuck(u32 irq)
{
	struct irq_action *a = request_irq(irq, stuck_irq, IRQF_SHARED, "stuck", NULL);
	int err;

	if (PTR_ERR(a) == -EBUSY)
		return KTEST_SKIPPED;
	CHECK(!IS_ERR(a));
	stuck_mine = 0;
	err = stuck_body(irq);
	CHECK(!free_irq(a));
	return err;
}

int test_entry_irq_stuck(void) { return stuck(LEVEL_IRQ); }

/* An edge that comes while the line is masked is lost: the poll has all handlers look. On a crowded
 * host the first poll may come before the edge; then the line is silent by now, and has to be stuck again. */
static int lost_edge_body(void)
{
	struct irq_info line;

	for (u32 tries = 1; ; tries++) {
		CHECK(tries < 20);
		CHECK(!get_it_stuck(TEST_IRQ));
		WRITE_ONCE(stuck_mine, 1);
		CHECK_SOON(!READ_ONCE(stuck_mine) || (find_line(TEST_IRQ, &line) && !line.polled));
		if (!atomic_xchg(&stuck_mine, 0))
			break;
	}
	CHECK_SOON(find_line(TEST_IRQ, &line) && !line.polled && !line.masked);
	return 0;
}

int test_entry_irq_stuck_edge(void)
{
	struct irq_action *a = request_irq(TEST_IRQ, stuck_irq, IRQF_SHARED, "stuck", NULL);
	int err;

	CHECK(!IS_ERR(a));
	stuck_mine = 0;
	err = lost_edge_body();
	CHECK(!free_irq(a));
	return err ? err : stuck(TEST_IRQ);
}

static u32 core_runs;

static enum irq_result core_irq(u32 irq, void *arg)
{
	(void)irq, (void)arg;
	atomic_add(&core_runs, 1);
	return IRQ_HANDLED;
}

/* The neighbour on a shared line goes on while the module is going. */
static int irq_shared_body(void)
{
	struct irq_action *mine = request_irq(TEST_IRQ, fake_irq, IRQF_SHARED, "fake", NULL);

	CHECK(!IS_ERR(mine));
	CHECK(!raise_line(TEST_IRQ));
	CHECK_SOON(READ_ONCE(core_runs) == 1 && READ_ONCE(runs) == 1);
	fake_go();
	CHECK(!raise_line(TEST_IRQ));
	CHECK_SOON(READ_ONCE(core_runs) == 2);
	/* ... and out of the interrupt, or mine could be opened again before it is found closed. */
	CHECK(!smp_call(cpus_online, nothing, NULL, PATIENCE_NS));
	CHECK(READ_ONCE(runs) == 1);
	fake_come_back();
	CHECK_SOON(READ_ONCE(runs) == 2);
	free_irq(mine);
	CHECK_SOON(READ_ONCE(core_runs) == 3);
	CHECK(!raise_line(TEST_IRQ));
	CHECK_SOON(READ_ONCE(core_runs) == 4);
	CHECK(READ_ONCE(runs) == 2);
	return 0;
}

int test_entry_irq_shared(void)
{
	struct irq_action *core_action;
	int err;

	core_runs = 0;
	core_action = request_irq(TEST_IRQ, core_irq, IRQF_SHARED, "core", NULL);
	CHECK(!IS_ERR(core_action));
	err = with_fake(irq_shared_body);
	free_irq(core_action);
	return err;
}

/* -- devices -------------------------------------------------------------------------------- */

static int chrdev_body(void)
{
	struct chrdev *d = chrdev_register("fake", &fake_ops, &fake);
	struct chrdev *shy = chrdev_register("fake-shy", &fake_shy_ops, NULL);
	struct file_holder holder;
	struct file *f;
	char buf[8];

	CHECK(!IS_ERR(d) && !IS_ERR(shy));
	CHECK(chrdev_private(d) == &fake);
	CHECK(PTR_ERR(chrdev_register("fake", &fake_ops, NULL)) == -EEXIST);
	CHECK(PTR_ERR(chrdev_register("", &fake_ops, NULL)) == -EINVAL);
	CHECK(PTR_ERR(file_open("no-such-device", 0)) == -ENODEV);

	f = file_open("fake", 0);
	CHECK(!IS_ERR(f));
	CHECK(owner_open_files(&fake) == 1);
	CHECK(owner_file_holder(&fake, &holder) && holder.task_id == current->id);
	CHECK(file_read(f, buf, sizeof(buf)) == sizeof(buf));
	CHECK(file_write(f, buf, 1) == -EINVAL);
	CHECK(file_ioctl(f, 0, 0) == -ENOTTY);
	file_close(f);
	CHECK(releases == 1 && owner_open_files(&fake) == 0 && !owner_file_holder(&fake, &holder));

	CHECK(PTR_ERR(file_open("fake-shy", 0)) == -EACCES);
	CHECK(owner_open_files(&fake) == 0);
	chrdev_unregister(shy);
	chrdev_unregister(d);
	return 0;
}

int test_entry_chrdev(void)
{
	int err = with_fake(chrdev_body);

	CHECK(err || heap_used_blocks() == blocks_before);
	return err;
}

/* A call that closes its own file: it takes effect when the call has returned. */
static int closing_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)cmd, (void)arg;
	file_close(f);
	return releases || f->state != FILE_OPEN ? -EIO : 0;
}

static const struct chrdev_ops fake_closing_ops = { .ioctl = closing_ioctl, .release = fake_release };

static int close_in_call_body(void)
{
	struct file *f;

	CHECK(!IS_ERR(chrdev_register("fake", &fake_closing_ops, NULL)));
	f = file_open("fake", 0);
	CHECK(!IS_ERR(f));
	CHECK(file_read(f, f, 1) == -EINVAL && file_write(f, f, 1) == -EINVAL);	/* it has neither */
	CHECK(file_ioctl(f, 0, 0) == 0);
	CHECK(releases == 1 && owner_open_files(&fake) == 0);
	return 0;
}

int test_entry_call_closes_its_file(void)
{
	int err = with_fake(close_in_call_body);

	CHECK(err || heap_used_blocks() == blocks_before);
	return err;
}

static int unregister_body(void)
{
	struct chrdev *d = chrdev_register("fake", &fake_ops, NULL);
	struct file *f;
	char byte;

	CHECK(!IS_ERR(d));
	f = file_open("fake", 0);
	CHECK(!IS_ERR(f));
	chrdev_unregister(d);
	CHECK(PTR_ERR(file_open("fake", 0)) == -ENODEV);
	CHECK(file_read(f, &byte, 1) == -ENODEV && file_write(f, &byte, 1) == -ENODEV);
	CHECK(file_ioctl(f, 0, 0) == -ENODEV);
	CHECK(READ_ONCE(runs) == 0);
	file_close(f);
	CHECK(releases == 0);
	return 0;
}

int test_entry_chrdev_unregister(void)
{
	return with_fake(unregister_body);
}

/* A task of its own that reads once, or writes. */
struct reader { struct file *f; struct task *task; int result; bool writes, done; };

static void reader_main(void *arg)
{
	struct reader *r = arg;
	char byte = 'x';

	r->result = r->writes ? file_write(r->f, &byte, 1) : file_read(r->f, &byte, 1);
	store_release(&r->done, true);
}

static int open_reader(struct reader *r)
{
	*r = (struct reader){ .f = file_open("fake", 0) };
	CHECK(!IS_ERR(r->f));
	return 0;
}

static int start_reader(struct reader *r)
{
	r->task = task_create("reader", PRIO_NORMAL, reader_main, r);
	CHECK(!IS_ERR(r->task));
	return 0;
}

static int end_reader(struct reader *r)
{
	CHECK(!task_join(r->task, clock_ns() + PATIENCE_NS));
	task_put(r->task);
	file_close(r->f);
	return 0;
}

/* Not on the stack: the task outlives a test that fails half-way. */
static struct reader r;

static int held_at_gate(bool writes)
{
	CHECK(!IS_ERR(chrdev_register("fake", &fake_both_ops, NULL)));
	CHECK(!open_reader(&r));
	r.writes = writes;
	fake_go();
	CHECK(!start_reader(&r));
	sleep_ms(10);
	CHECK(!load_acquire(&r.done) && READ_ONCE(runs) == 0);
	fake_come_back();
	CHECK_SOON(load_acquire(&r.done));
	CHECK(r.result == 1 && runs == 1);
	return end_reader(&r);
}

static int reader_body(void) { return held_at_gate(false); }
static int writer_body(void) { return held_at_gate(true); }

int test_entry_gate(void)
{
	return with_fake(reader_body);
}

int test_entry_gate_of_writers(void)
{
	return with_fake(writer_body);
}

static int opener_result;

static void opener_main(void *unused)
{
	struct file *f = file_open("fake", 0);

	(void)unused;
	opener_result = IS_ERR(f) ? PTR_ERR(f) : 1;
}

/* Cuts off all that is open, and waits until the driver has done with it. */
static int cut_off(u32 expected)
{
	u32 nr = 0;

	owner_set_draining(&fake, true);
	CHECK(!owner_cut_files(&fake, &nr) && nr == expected);
	CHECK(!owner_wait_files(&fake, WAIT_FOREVER, clock_ns() + PATIENCE_NS));
	CHECK(owner_open_files(&fake) == 0);
	return 0;
}

/* Those at the gate when the module goes for good are sent home, and the file
 * they hold can be closed afterwards. */
static int gate_gone_body(void)
{
	struct task *opener;

	CHECK(!IS_ERR(chrdev_register("fake", &fake_ops, NULL)));
	CHECK(!open_reader(&r));
	CHECK(!cut_off(1) && releases == 1);
	fake_go();
	opener_result = 0;
	opener = task_create("opener", PRIO_NORMAL, opener_main, NULL);
	CHECK(!IS_ERR(opener));
	CHECK(!start_reader(&r));
	sleep_ms(10);
	CHECK(!opener_result);
	CHECK(!fake_unload());
	CHECK(!task_join(opener, clock_ns() + PATIENCE_NS));
	task_put(opener);
	CHECK(opener_result == -ENODEV);
	CHECK(!end_reader(&r));
	CHECK(r.result == -ENODEV && runs == 0 && releases == 1);
	return 0;
}

int test_entry_gate_gone(void)
{
	int err = fake_load();

	return err ? err : gate_gone_body();
}

/* A reader that sleeps inside the driver walks out when its file is cut off. */
static int revoke_body(void)
{
	char byte;

	CHECK(!IS_ERR(chrdev_register("fake", &fake_sleepy_ops, NULL)));
	hold_inside = true;
	CHECK(!open_reader(&r));
	CHECK(!start_reader(&r));
	CHECK_SOON(READ_ONCE(inside) == 1);
	CHECK(!cut_off(1));
	CHECK_SOON(load_acquire(&r.done));
	CHECK(r.result == -ENODEV && READ_ONCE(inside) == 0);
	owner_set_draining(&fake, false);
	WRITE_ONCE(hold_inside, false);
	CHECK(file_read(r.f, &byte, 1) == -ENODEV);	/* stays cut off */
	CHECK(!end_reader(&r));
	CHECK(releases == 1);
	return 0;
}

int test_entry_revoke(void)
{
	return with_fake(revoke_body);
}

/* Closing while the module is going is allowed, and makes an inspection void. */
static int release_body(void)
{
	struct file *f;
	u32 epoch;

	CHECK(!IS_ERR(chrdev_register("fake", &fake_ops, NULL)));
	f = file_open("fake", 0);
	CHECK(!IS_ERR(f));
	fake_go();
	epoch = owner_epoch(&fake);
	file_close(f);
	CHECK(releases == 1);
	CHECK(!owner_commit_gone(&fake, epoch));
	return 0;
}

int test_entry_release(void)
{
	return with_fake(release_body);
}

/* -- notifiers, threads, what was forgotten ---------------------------------------------------- */

static struct notifier_chain test_chain = NOTIFIER_CHAIN(test_chain, "test");

/* A notifier has a name while it is called, for those that wait for it. */
static void asks_which_is_called(u32 event, void *name, void *arg)
{
	(void)event, (void)arg;
	notifier_chain_calling(&test_chain, name, sizeof_field(struct entry, name));
}

int test_entry_notifier_called(void)
{
	char name[sizeof_field(struct entry, name)] = "";
	struct notifier *other = notifier_register(&test_chain, "other", asks_which_is_called, NULL, 1);
	struct notifier *asker = notifier_register(&test_chain, "asker", asks_which_is_called, NULL, 0);

	CHECK(!IS_ERR(other) && !IS_ERR(asker));
	notifier_call(&test_chain, 0, name);
	CHECK(streq(name, "asker"));
	notifier_unregister(other);
	notifier_unregister(asker);
	notifier_chain_calling(&test_chain, name, sizeof(name));
	CHECK(streq(name, ""));
	return 0;
}

static int notifier_body(void)
{
	struct notifier *low = notifier_register(&test_chain, "low", fake_notified, (void *)3, -5);
	struct notifier *high = notifier_register(&test_chain, "high", fake_notified, (void *)1, 5);
	struct notifier *mid = notifier_register(&test_chain, "mid", fake_notified, (void *)2, 0);
	u32 order = 0;

	CHECK(!IS_ERR(low) && !IS_ERR(high) && !IS_ERR(mid));
	notifier_call(&test_chain, 0, &order);
	CHECK(order == 123);
	notifier_unregister(mid);
	order = 0;
	notifier_call(&test_chain, 0, &order);
	CHECK(order == 13);
	fake_go();
	notifier_call(&test_chain, 0, &order);
	CHECK(order == 13);
	fake_come_back();
	notifier_call(&test_chain, 0, &order);
	CHECK(order == 1313);
	return 0;
}

int test_entry_notifier(void)
{
	int err = with_fake(notifier_body);

	CHECK(list_empty(&test_chain.list));
	return err;
}

static int thread_body(void)
{
	struct thread *t = kthread_run(fake_thread, NULL, "fake/thread");
	char name[TASK_NAME_LEN];
	u32 id;

	CHECK(!IS_ERR(t));
	CHECK_SOON(READ_ONCE(starts) == 1);
	CHECK(owner_threads_alive(&fake, &id, name) == 1 && streq(name, "fake/thread"));

	/* Comes back after it has ended. */
	fake_go();
	owner_stop_threads(&fake);
	CHECK_SOON(owner_threads_alive(&fake, NULL, NULL) == 0);
	fake_come_back();
	CHECK_SOON(READ_ONCE(starts) == 2);

	/* Comes back while it may still be on its way out. */
	fake_go();
	owner_stop_threads(&fake);
	fake_come_back();
	CHECK_SOON(READ_ONCE(starts) == 3);
	CHECK(owner_threads_alive(&fake, NULL, NULL) == 1);

	/* Nobody asked it to stop: it just goes on. */
	fake_go();
	fake_come_back();
	sleep_ms(5);
	CHECK(READ_ONCE(starts) == 3);
	kthread_stop(t);
	CHECK(entries_count(&fake) == 0);
	return 0;
}

int test_entry_thread(void)
{
	return with_fake(thread_body);
}

/* Does one job, whatever it is asked meanwhile; or leaves when it is told. */
static bool heeds_signs;

static FAKE_TEXT void fake_job(void *arg)
{
	(void)arg;
	atomic_add(&starts, 1);
	while (READ_ONCE(hold_inside)) {
		if (READ_ONCE(heeds_signs) && kthread_should_stop())
			return;
		sleep_ms(1);
	}
}

static int oneshot_body(void)
{
	CHECK(!IS_ERR(kthread_run(fake_job, NULL, "fake/job")));
	CHECK_SOON(owner_threads_alive(&fake, NULL, NULL) == 0 && starts == 1);

	/* Ended before the unload. */
	fake_go();
	owner_stop_threads(&fake);
	fake_come_back();
	sleep_ms(5);
	CHECK(READ_ONCE(starts) == 1);

	/* In the course of it, without having been told; then after the roll-back. */
	for (u32 late = 0; late < 2; late++) {
		WRITE_ONCE(hold_inside, true);
		CHECK(!IS_ERR(kthread_run(fake_job, NULL, "fake/job")));
		CHECK_SOON(READ_ONCE(starts) == 2 + late);
		fake_go();
		owner_stop_threads(&fake);
		if (late)
			fake_come_back();
		WRITE_ONCE(hold_inside, false);
		CHECK_SOON(owner_threads_alive(&fake, NULL, NULL) == 0);
		if (!late)
			fake_come_back();
		sleep_ms(5);
		CHECK(READ_ONCE(starts) == 2 + late);
	}

	/* Told, and so started again. */
	WRITE_ONCE(heeds_signs, true);
	WRITE_ONCE(hold_inside, true);
	CHECK(!IS_ERR(kthread_run(fake_job, NULL, "fake/job")));
	CHECK_SOON(READ_ONCE(starts) == 4);
	fake_go();
	owner_stop_threads(&fake);
	CHECK_SOON(owner_threads_alive(&fake, NULL, NULL) == 0);
	fake_come_back();
	CHECK_SOON(READ_ONCE(starts) == 5);
	WRITE_ONCE(hold_inside, false);
	return 0;
}

int test_entry_thread_oneshot(void)
{
	heeds_signs = false;
	return with_fake(oneshot_body);
}

static void count_forgotten(struct entry *e, void *ctx)
{
	char text[64];

	entry_describe(e, text, sizeof(text));
	*(u32 *)ctx += *text != '\0';
}

/* The exit gives back one thing and forgets the rest; a record that it gives
 * back stays until the unload's one round of IPIs. */
static int forgotten_body(void)
{
	struct timer *t = timer_create("kept", fake_count, NULL);
	struct irq_info line;
	u32 seen = 0;

	CHECK(!IS_ERR(t));
	CHECK(!IS_ERR(timer_create("lost", fake_count, NULL)));
	CHECK(!IS_ERR(work_create("lost", fake_count, NULL)));
	CHECK(!IS_ERR(chrdev_register("fake", &fake_ops, NULL)));
	CHECK(!IS_ERR(request_irq(TEST_IRQ, fake_irq, 0, "lost", NULL)));
	CHECK(!IS_ERR(notifier_register(&test_chain, "lost", fake_notified, NULL, 0)));
	CHECK(!IS_ERR(kthread_run(fake_thread, NULL, "lost")));
	CHECK(entries_count(&fake) == 7);

	fake_go();
	owner_stop_threads(&fake);
	CHECK_SOON(owner_threads_alive(&fake, NULL, NULL) == 0);
	CHECK(owner_commit_gone(&fake, owner_epoch(&fake)));
	owner_set_exiting(&fake, current);
	CHECK(timer_arm(t, 1) == -ENODEV);
	timer_destroy(t);
	owner_set_exiting(&fake, NULL);
	CHECK(entries_count(&fake) == 7);
	entries_unlink(&fake, count_forgotten, &seen);
	CHECK(seen == 6);
	CHECK(!find_line(TEST_IRQ, &line));
	return 0;
}

int test_entry_forgotten(void)
{
	int err = fake_load();

	if (err)
		return err;
	err = forgotten_body();
	owner_set_state(&fake, OWNER_GOING);
	int end = fake_unload();
	return err ? err : end;
}

/* -- memory of devices ------------------------------------------------------------------------ */

/* The device is stopped once: by the driver, or when exit has forgotten it. But never
 * when the module was not found to be empty: its code may be gone. */
static void note_description(struct entry *e, void *text)
{
	entry_describe(e, text, 96);
}

static int dma_body(void)
{
	char text[96];
	u32 given_back = 0, forgotten = 0, left_behind = 0;
	void *buf = (void *)fake.base;
	u32 to_end = PAGE_SIZE - fake.base % PAGE_SIZE;

	CHECK(PTR_ERR(dma_map("d", buf, 4, NULL, NULL)) == -EINVAL);
	CHECK(PTR_ERR(dma_map("d", buf, 0, fake_stop, NULL)) == -EINVAL);
	CHECK(PTR_ERR(dma_map("d", buf, to_end + 1, fake_stop, NULL)) == -EINVAL);
	CHECK(PTR_ERR(dma_map("d", &given_back, 4, fake_stop, NULL)) == -EINVAL);
	CHECK(entries_count(&fake) == 0);

	struct dma *d = dma_map("d", buf, 4, fake_stop, &given_back);
	CHECK(!IS_ERR(d));
	CHECK(phys_to_virt(dma_address(d)) == buf);
	entries_each(&fake, note_description, text);
	CHECK(starts_with(text, "dma d, 4 bytes at 0x"));
	dma_unmap(d);
	CHECK(given_back == 1 && entries_count(&fake) == 0);

	CHECK(!IS_ERR(dma_map("d", buf, 4, fake_stop, &left_behind)));
	entries_unlink(&fake, NULL, NULL);
	entries_free(&fake);
	CHECK(left_behind == 0);

	d = dma_map("d", buf, 4, fake_stop, &given_back);
	CHECK(!IS_ERR(d) && !IS_ERR(dma_map("d", buf, 4, fake_stop, &forgotten)));
	fake_go();
	CHECK(given_back == 1 && forgotten == 0);	/* it may come back */
	CHECK(owner_commit_gone(&fake, owner_epoch(&fake)));
	owner_set_exiting(&fake, current);
	dma_unmap(d);
	owner_set_exiting(&fake, NULL);
	CHECK(given_back == 2 && forgotten == 0);
	entries_unlink(&fake, NULL, NULL);
	CHECK(given_back == 2 && forgotten == 1);
	return 0;
}

int test_entry_dma(void)
{
	int err = fake_load();

	if (err)
		return err;
	err = dma_body();
	owner_set_state(&fake, OWNER_GOING);
	int end = fake_unload();
	return err ? err : end;
}

/* -- all at once ------------------------------------------------------------------------------- */

#define STORM_ROUNDS  200u
#define STORM_READERS 4u

static bool storm_over;
static u32 late_runs, storm_errors, storm_reads;
static struct timer *storm_timer;
static struct work *storm_work;

/* Any entry into the module while it rests is a fault of the stubs. A call that
 * was on its way when the records were closed is not: storm_settle() waits for
 * all that can be waited for without an inspection. */
static bool resting;

static FAKE_TEXT void note_entry(void)
{
	if (READ_ONCE(resting))
		atomic_add(&late_runs, 1);
	atomic_add(&runs, 1);
}

static FAKE_TEXT void storm_tick(void *arg)
{
	(void)arg;
	note_entry();
	(void)timer_arm(storm_timer, 100 * NSEC_PER_USEC);
	work_queue(storm_work);
}

/* A worker that has fetched the function shows only on its stack, so this one is
 * not held against the stubs. */
static FAKE_TEXT void storm_item(void *arg)
{
	(void)arg;
	atomic_add(&runs, 1);
}

static FAKE_TEXT enum irq_result storm_irq(u32 irq, void *arg)
{
	(void)irq, (void)arg;
	note_entry();
	return IRQ_HANDLED;
}

static FAKE_TEXT int storm_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	note_entry();
	return (int)len;
}

static const struct chrdev_ops storm_ops = { .read = storm_read, .release = fake_release };

static void storm_reader(void *unused)
{
	char byte;

	(void)unused;
	while (!READ_ONCE(storm_over)) {
		struct file *f = file_open("storm", 0);
		if (IS_ERR(f)) {
			atomic_add(&storm_errors, 1);
			continue;
		}
		for (u32 i = 0; i < 20; i++) {
			if (file_read(f, &byte, 1) != 1)
				atomic_add(&storm_errors, 1);
			atomic_add(&storm_reads, 1);
		}
		file_close(f);
		yield();
	}
}

/* Every reader has come to the gate, and every CPU has been outside of its
 * interrupt handlers: nobody is on the way in any more. */
static int storm_settle(void)
{
	CHECK_SOON(READ_ONCE(fake.gate_users) == STORM_READERS);
	CHECK(!smp_call(cpus_online, nothing, NULL, PATIENCE_NS));
	WRITE_ONCE(resting, true);
	sleep_ms(1);
	WRITE_ONCE(resting, false);
	return 0;
}

static int storm_round(u32 vector_cpu, u32 vector)
{
	u32 before;
	int err;

	lapic_send(cpus[vector_cpu]->apic_id, (u8)vector);
	fake_go();
	lapic_send(cpus[vector_cpu]->apic_id, (u8)vector);
	err = storm_settle();
	before = READ_ONCE(runs);
	fake_come_back();
	/* The timer, if nothing else, goes on; and the readers, on the last CPU too. */
	u32 reads = READ_ONCE(storm_reads);
	CHECK_SOON(READ_ONCE(runs) != before);
	CHECK_SOON(READ_ONCE(storm_reads) != reads);
	return err;
}

static int storm_rounds(void)
{
	struct irq_info line;

	CHECK(find_line(TEST_IRQ, &line));
	for (u32 i = 0; i < STORM_ROUNDS; i++) {
		int err = storm_round(line.cpu, line.vector);
		if (err)
			return err;
	}
	return 0;
}

static int storm_body(void)
{
	struct task *reader[STORM_READERS];
	int err;

	storm_timer = timer_create("storm", storm_tick, NULL);
	storm_work = work_create("storm", storm_item, NULL);
	CHECK(!IS_ERR(storm_timer) && !IS_ERR(storm_work));
	CHECK(!IS_ERR(request_irq(TEST_IRQ, storm_irq, 0, "storm", NULL)));
	CHECK(!IS_ERR(chrdev_register("storm", &storm_ops, NULL)));
	CHECK(!timer_arm(storm_timer, 0));
	for (u32 i = 0; i < STORM_READERS; i++) {
		reader[i] = task_create("storm", PRIO_NORMAL, storm_reader, NULL);
		CHECK(!IS_ERR(reader[i]));
	}
	err = storm_rounds();
	WRITE_ONCE(storm_over, true);
	for (u32 i = 0; i < STORM_READERS; i++) {
		CHECK(!task_join(reader[i], clock_ns() + 10 * PATIENCE_NS));
		task_put(reader[i]);
	}
	CHECK(!err);
	CHECK(late_runs == 0);
	CHECK(storm_errors == 0 && storm_reads > STORM_ROUNDS);
	CHECK(owner_open_files(&fake) == 0);
	return 0;
}

/* Files, a timer that re-arms itself, work and interrupts, while the module goes
 * and comes back again and again. */
int test_entry_storm(void)
{
	int err;

	storm_over = resting = false;
	late_runs = storm_errors = storm_reads = 0;
	err = with_fake(storm_body);
	CHECK(err || heap_used_blocks() == blocks_before);
	return err;
}
