/* Spin locks: one holder at a time, from tasks and interrupts alike. */
#include "entry/callback.h"
#include "entry/irq.h"
#include "entry/timer.h"
#include "entry/work.h"
#include "mm/heap.h"
#include "lib/errno.h"
#include "sched/sched.h"
#include "shell/ktest.h"
#include "smp/ipi.h"
#include "smp/spinlock.h"
#include "tests/kernel/on_cpu.h"
#include "tests/kernel/tests.h"
#include "x86/atomic.h"
#include "x86/clock.h"

#define PATIENCE    (10 * NSEC_PER_SEC)
#define ROUNDS      5000
#define LONG_ENOUGH NSEC_PER_SEC

/* `twice` is written in two halves, so that a second CPU between them is seen. */
struct guarded {
	struct spinlock lock;
	u32 once, twice;
	u32 torn;
	u32 rounds;		/* atomic */
};

static void change(struct guarded *g)
{
	if (g->once != g->twice)
		g->torn++;
	WRITE_ONCE(g->once, g->once + 1);
	cpu_relax();
	WRITE_ONCE(g->twice, g->twice + 1);
}

static struct guarded plain = { .lock = SPINLOCK("test", RANK_DEVICE) };
static struct guarded irqsafe = { .lock = SPINLOCK_IRQ("test-irq", RANK_DEVICE) };

static void change_in_interrupt(void *arg, const struct regs *regs, u32 sp)
{
	struct guarded *g = arg;
	(void)regs;
	(void)sp;
	u32 flags = spin_lock_irqsave(&g->lock);
	change(g);
	spin_unlock_irqrestore(&g->lock, flags);
	atomic_add(&g->rounds, 1);
}

static void contend_plain(void *unused)
{
	u64 end = clock_ns() + LONG_ENOUGH;
	(void)unused;
	for (u32 i = 0; i < ROUNDS && !clock_passed(end); i++) {
		spin_lock(&plain.lock);
		change(&plain);
		spin_unlock(&plain.lock);
		atomic_add(&plain.rounds, 1);
	}
}

/* And every now and then from an interrupt on all the others. */
static void contend_irqsafe(void *unused)
{
	u64 end = clock_ns() + LONG_ENOUGH;
	(void)unused;
	for (u32 i = 0; i < ROUNDS && !clock_passed(end); i++) {
		change_in_interrupt(&irqsafe, NULL, 0);
		if (i % 16 == 0 &&
		    smp_call(cpus_online, change_in_interrupt, &irqsafe, PATIENCE) != 0)
			printk("a CPU did not answer\n");
	}
}

static int contend(struct guarded *g, void (*fn)(void *))
{
	struct task *t[NR_CPUS];
	int err = 0;
	g->once = g->twice = g->torn = g->rounds = 0;
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		t[cpu] = task_create_on(cpu, "contender", PRIO_NORMAL, fn, NULL);
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		if (IS_ERR(t[cpu])) {
			err = PTR_ERR(t[cpu]);
			continue;
		}
		if (task_join(t[cpu], clock_ns() + PATIENCE))
			err = -ETIMEDOUT;
		task_put(t[cpu]);
	}
	CHECK(err == 0);
	CHECK(g->torn == 0);
	CHECK(g->once == g->rounds);
	CHECK(g->twice == g->rounds);
	return 0;
}

int test_spinlock_excludes(void)
{
	return contend(&plain, contend_plain);
}

int test_spinlock_excludes_interrupts(void)
{
	return contend(&irqsafe, contend_irqsafe);
}

int test_spinlock_state(void)
{
	struct spinlock l;
	spin_init(&l, "test", RANK_DEVICE, true);
	u32 count = this_cpu_read(preempt_count);
	CHECK(irqs_enabled());
	CHECK(!spin_held(&l));
	u32 flags = spin_lock_irqsave(&l);
	bool held = spin_held(&l), masked = !irqs_enabled();
	spin_unlock_irqrestore(&l, flags);
	CHECK(held);
	CHECK(masked);
	CHECK(!spin_held(&l));
	CHECK(irqs_enabled());
	CHECK(this_cpu_read(preempt_count) == count);
	return 0;
}

/* All that is for any context may be called under a driver's own lock: debug builds would
 * panic over the lock order. */
static struct wait_queue nobody = WAIT_QUEUE(nobody, "nobody");

static void nothing_to_do(void *arg)
{
	(void)arg;
}

static enum irq_result not_mine(u32 irq, void *arg)
{
	(void)irq, (void)arg;
	return IRQ_NONE;
}

int test_spinlock_of_a_driver(void)
{
	struct timer *t = timer_create("t", nothing_to_do, NULL), *made;
	struct work *w = work_create("w", nothing_to_do, NULL);
	struct spinlock l;

	CHECK(!IS_ERR(t) && !IS_ERR(w));
	spin_init(&l, "driver's", RANK_DEVICE, true);
	u32 flags = spin_lock_irqsave(&l);
	wake_all(&nobody);
	wake_one(&nobody);
	int armed = timer_arm(t, NSEC_PER_SEC);
	bool cancelled = timer_cancel(t);
	bool queued = work_queue(w);
	(void)work_cancel(w);
	bool later = work_queue_after_grace(w);
	(void)work_cancel(w);
	int called = callback_call(1, NULL);
	made = timer_create("made", nothing_to_do, NULL);
	struct irq_action *a = request_irq(6, not_mine, IRQF_SHARED, "made", NULL);
	void *block = kmalloc(32);
	kfree(block);
	spin_unlock_irqrestore(&l, flags);
	CHECK(!armed && cancelled && queued && later && called == -ENODEV && block);
	CHECK(!timer_destroy(t) && !work_destroy(w) && !timer_destroy(made) && !free_irq(a));
	return 0;
}

/* A lock that is taken is refused at once, one that is free is given. */
static bool try_once(struct spinlock *l)
{
	u32 flags = irq_save();
	bool got = spin_trylock(l);
	if (got)
		spin_unlock(l);
	irq_restore(flags);
	return got;
}

int test_spinlock_trylock(void)
{
	struct spinlock l;
	spin_init(&l, "test", RANK_DEVICE, true);
	u32 count = this_cpu_read(preempt_count);
	CHECK(try_once(&l));
	WRITE_ONCE(l.locked, 1);	/* as if another CPU had it */
	CHECK(!try_once(&l));
	CHECK(!spin_held(&l));
	WRITE_ONCE(l.locked, 0);
	CHECK(try_once(&l));
	CHECK(this_cpu_read(preempt_count) == count);
	return 0;
}

/* -- a waiter answers --------------------------------------------------------------------- */

static struct { struct spinlock lock; volatile u32 waits; } wanted = { .lock = SPINLOCK_IRQ("wanted", RANK_DEVICE) };

static void want_it(void *unused)
{
	(void)unused;
	wanted.waits = 1;
	u32 flags = spin_lock_irqsave(&wanted.lock);
	spin_unlock_irqrestore(&wanted.lock, flags);
	wanted.waits = 0;
}

static void nothing(void *arg, const struct regs *regs, u32 sp)
{
	(void)arg, (void)regs, (void)sp;
}

/* The lock is nobody's: a holder could not call (rule 1). */
static int waiter_answers(void)
{
	u64 end = clock_ns() + PATIENCE;

	wanted.waits = 0;
	wanted.lock.locked = 1;
	struct task *t = task_create_on(nr_cpus - 1, "waiter", PRIO_NORMAL, want_it, NULL);
	CHECK(!IS_ERR(t));
	while (!wanted.waits && !clock_passed(end))
		sleep_ms(1);
	sleep_ms(1);
	cpumask_t silent = smp_call(CPU_BIT(nr_cpus - 1), nothing, NULL, NSEC_PER_SEC);
	store_release(&wanted.lock.locked, 0);
	CHECK(task_join(t, clock_ns() + PATIENCE) == 0);
	task_put(t);
	CHECK(!silent && !wanted.waits);
	return 0;
}

int test_spinlock_waiter_answers(void)
{
	return ON_CPU(0, 2, waiter_answers());
}
