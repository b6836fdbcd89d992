/* Holding all CPUs (unload/hold.h); and unloads beside tasks that do not leave their CPU. */
#include "entry/chrdev.h"
#include "lib/errno.h"
#include "lib/math64.h"
#include "lib/string.h"
#include "module/module.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "shell/hazard.h"
#include "shell/ktest.h"
#include "smp/ipi.h"
#include "tests/kernel/tests.h"
#include "unload/ahead.h"
#include "unload/graveyard.h"
#include "unload/hold.h"
#include "unload/unload.h"
#include "x86/atomic.h"
#include "x86/clock.h"

#define PATIENCE (20 * NSEC_PER_SEC)
#define TRIES    5			/* a host may let a CPU stand for longer than a hold waits */

static struct spinner {
	volatile u32 turns;
	volatile bool enters;		/* reads from labrat, once */
	bool keeps_preemption_off;
	struct task *task;
} spinner[NR_CPUS];

static void enter(struct spinner *s)
{
	struct file *f = file_open("labrat", 0);
	char c;

	s->enters = false;
	if (!IS_ERR(f)) {
		(void)file_read(f, &c, 1);
		file_close(f);
	}
}

static void spin(void *arg)
{
	struct spinner *s = arg;

	if (s->keeps_preemption_off)
		preempt_disable();
	while (!task_should_stop()) {
		s->turns++;
		cpu_relax();
		if (s->enters)
			enter(s);
	}
	if (s->keeps_preemption_off)
		preempt_enable();
}

/* The other CPUs' together. */
static u32 turns(cpumask_t who)
{
	u32 cpu, sum = 0;

	for_each_cpu_in(cpu, who)
		sum += spinner[cpu].turns;
	return sum;
}

static bool all_spin(cpumask_t who)
{
	u64 limit = clock_ns() + PATIENCE;
	u32 cpu;

	for_each_cpu_in(cpu, who) {
		u32 before = spinner[cpu].turns;
		while (spinner[cpu].turns == before && !clock_passed(limit))
			sleep_ms(1);
		if (spinner[cpu].turns == before)
			return false;
	}
	return true;
}

/* On each CPU but this one a task spins, which this one keeps; on those in `stubborn` with
 * preemption off. Stopped and joined whatever `body` returns. */
static int with_spinners(cpumask_t stubborn, int (*body)(cpumask_t others))
{
	u32 cpu, here = 0;
	int err = 0;

	if (nr_cpus < 2) {
		printk("needs two CPUs\n");
		return KTEST_SKIPPED;
	}
	task_set_affinity(current, CPU_BIT(here));
	memset(spinner, 0, sizeof(spinner));
	for_each_cpu_in(cpu, cpus_online & ~CPU_BIT(here)) {
		spinner[cpu].keeps_preemption_off = stubborn & CPU_BIT(cpu);
		spinner[cpu].task = task_create_on(cpu, "spinner", PRIO_LOW, spin, &spinner[cpu]);
		CHECK(!IS_ERR(spinner[cpu].task));
	}
	err = all_spin(cpus_online & ~CPU_BIT(here)) ? body(cpus_online & ~CPU_BIT(here)) : -ETIMEDOUT;
	for_each_cpu_in(cpu, cpus_online & ~CPU_BIT(here)) {
		task_ask_stop(spinner[cpu].task);
		CHECK(!task_join(spinner[cpu].task, from_now(PATIENCE)));
		task_put(spinner[cpu].task);
	}
	task_set_affinity(current, ~0ull);
	return err;
}

struct seen { struct hold hold; u32 before, after; bool told; };

/* A stack pointer that is told lies on the stack of the task that is parked. */
static bool stacks_are_told(cpumask_t who)
{
	u32 cpu;

	for_each_cpu_in(cpu, who) {
		const struct task *t = spinner[cpu].task;
		if (READ_ONCE(cpus[cpu]->task) != t || parking[cpu].sp < t->stack ||
		    parking[cpu].sp >= task_stack_top(t))
			return false;
	}
	return true;
}

/* As ahead of a hold, while all run. */
static bool behind_a_look;
static void pass(u32 sp) { (void)sp; }

/* Once, for a millisecond; nothing may be printed meanwhile. */
static struct seen hold_once(cpumask_t who)
{
	struct seen s;

	mutex_lock(&module_remove_mutex);
	if (behind_a_look) {
		look_in_passing = pass;
		module_remove = next_trap();
	}
	hold_cpus(&s.hold);
	s.before = turns(who);
	u64 end = clock_ns() + NSEC_PER_MSEC;
	while (!clock_passed(end))
		cpu_relax();
	s.after = turns(who);
	s.told = stacks_are_told(s.hold.parked);
	release_cpus(&s.hold);
	mutex_unlock(&module_remove_mutex);
	return s;
}

static int all_are_held(cpumask_t others)
{
	struct seen s = { 0 };

	for (u32 i = 0; i < TRIES && s.hold.parked != others; i++)
		s = hold_once(others);
	CHECK(s.hold.parked == others && !s.hold.unparked && !s.hold.silent);
	CHECK(s.before == s.after && s.told);
	CHECK(all_spin(others));		/* afterwards they go on */
	return 0;
}

int test_hold_stops_all(void) { return with_spinners(0, all_are_held); }

int test_hold_stops_all_behind_a_look(void)
{
	behind_a_look = true;
	int err = with_spinners(0, all_are_held);
	behind_a_look = false;
	return err;
}

/* One that cannot come to schedule() is told from those that do, and not waited for. */
static int one_is_not(cpumask_t others)
{
	struct seen s = { 0 };
	cpumask_t held = others & ~CPU_BIT(1);

	for (u32 i = 0; i < TRIES && (!i || s.hold.parked != held || s.hold.silent); i++)
		s = hold_once(held);
	CHECK(s.hold.parked == held && s.hold.unparked == CPU_BIT(1) && !s.hold.silent);
	CHECK(s.before == s.after && s.told);
	return 0;
}

int test_hold_tells_who_cannot_come(void) { return with_spinners(CPU_BIT(1), one_is_not); }

/* -- unloads -------------------------------------------------------------------------------- */

static struct unload request;

static int unload(const char *name, u32 flags, u64 patience)
{
	memset(&request, 0, sizeof(request));
	strlcpy(request.name, name, sizeof(request.name));
	request.flags = flags;
	request.patience_ns = patience;
	return module_unload(&request);
}

/* Its CPU cannot come to schedule(), but answers: it is outside, and delays nothing. */
static int goes_beside(cpumask_t others)
{
	struct load_error why;

	(void)others;
	CHECK(module_load_by_name("null", "", NULL, &why) == 0);
	CHECK(unload("null", 0, NSEC_PER_SEC) == 0);
	return 0;
}

/* It has been on its CPU since before the load, so it has never been switched out since; and it
 * is inside. */
static int finds_who_never_rested(cpumask_t others)
{
	struct load_error why;

	(void)others;
	CHECK(module_load_by_name("labrat", "", NULL, &why) == 0);
	CHECK(sync_hold_how("labrat:read", 1, (struct sync_how){ .spins = true }) == 0);
	spinner[1].enters = true;
	CHECK(sync_wait_held("labrat:read", from_now(PATIENCE)) == 0);
	int err = unload("labrat", UNLOAD_REVOKE, 50 * NSEC_PER_MSEC);
	sync_release("labrat:read");
	CHECK(err == -EBUSY);
	CHECK(unload("labrat", UNLOAD_REVOKE | UNLOAD_WAIT, PATIENCE) == 0);
	return 0;
}

struct look { u32 not_the_page; u32 word; bool there; };

static void look(void *arg, const struct regs *regs, u32 sp)
{
	struct look *l = arg;

	(void)regs, (void)sp;
	l->there = graveyard_probe((const u32 *)~l->not_the_page, &l->word);
}

/* Its CPU has the module in its TLB, and loads no CR3 all the while; only a shootdown takes it out. */
static int is_shot_down(cpumask_t others)
{
	static struct look l;		/* where no inspection reads it */
	struct load_error why;
	struct module *m;

	(void)others;
	CHECK(module_load_by_name("null", "", &m, &why) == 0);
	l.not_the_page = ~m->owner.base;
	CHECK(!smp_call(CPU_BIT(1), look, &l, PATIENCE) && l.there);
	CHECK(unload("null", 0, PATIENCE) == 0);
	CHECK(!smp_call(CPU_BIT(1), look, &l, PATIENCE) && !l.there);
	return 0;
}

static int under_both(cpumask_t stubborn, int (*body)(cpumask_t others))
{
	const char *usual = strategy->name;
	int err = strategy_choose("trap");

	if (!err)
		err = with_spinners(stubborn, body);
	if (!err) {
		u32 from = look_ahead_from;
		look_ahead_from = 0;		/* as with many tasks */
		err = with_spinners(stubborn, body);
		look_ahead_from = from;
	}
	if (!err)
		err = strategy_choose("census");
	if (!err)
		err = with_spinners(stubborn, body);
	int back = strategy_choose(usual);
	return err ? err : back;
}

int test_unload_shoots_down(void) { return under_both(CPU_BIT(1), is_shot_down); }
int test_unload_beside_one_that_cannot_come(void) { return under_both(CPU_BIT(1), goes_beside); }
int test_unload_finds_who_never_rested(void) { return under_both(0, finds_who_never_rested); }

/* -- johnson ---------------------------------------------------------------------------------- */

/* Runs again and again, and notes for how long it could not. */
static struct runner {
	volatile u64 longest;
	u64 pause;			/* ns that it sleeps; 0: it yields, and so is in schedule() all the time */
	struct task *task;
} runner[NR_CPUS];

static void run_again(void *arg)
{
	struct runner *r = arg;
	u64 last = clock_ns();

	bool stop;

	do {
		stop = task_should_stop();	/* once more then: it may not have run since it was held */
		if (r->pause)
			sleep_ns(r->pause);
		else
			yield();
		u64 now = clock_ns();
		r->longest = MAX(r->longest, now - last);
		last = now;
	} while (!stop);
}

static void asker(void *arg)
{
	*(int *)arg = unload("null", 0, PATIENCE);
}

/* In a task that is held when it has called exit, to see with which priority. */
static int unload_by_johnson(u32 *prio)
{
	static int err;
	struct load_error why;

	err = -EAGAIN;
	CHECK(module_load_by_name("null", "", NULL, &why) == 0);
	CHECK(sync_hold("unload:cleaned-up", 1) == 0);
	struct task *t = task_create_on(0, "asker", PRIO_LOW, asker, &err);
	CHECK(!IS_ERR(t) && sync_wait_held("unload:cleaned-up", from_now(PATIENCE)) == 0);
	*prio = t->prio;
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		runner[cpu].longest = 0;
	sync_release("unload:cleaned-up");
	CHECK(task_join(t, from_now(PATIENCE)) == 0);
	task_put(t);
	return err;
}

/* The shortest of the runners' longest pauses in one unload, or a negative error. */
static int shortest_pause_us(void)
{
	u32 cpu, prio = 0;
	u64 least = WAIT_FOREVER;
	int err;

	for (cpu = 0; cpu < nr_cpus; cpu++) {
		runner[cpu] = (struct runner){ .pause = cpu ? 0 : NSEC_PER_MSEC };
		runner[cpu].task = task_create_on(cpu, "runner", cpu ? PRIO_LOW : PRIO_TOP, run_again, &runner[cpu]);
		CHECK(!IS_ERR(runner[cpu].task));
	}
	err = unload_by_johnson(&prio);
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		task_ask_stop(runner[cpu].task);
		CHECK(task_join(runner[cpu].task, from_now(PATIENCE)) == 0);
		task_put(runner[cpu].task);
	}
	CHECK(!err && prio == PRIO_TOP);
	for (cpu = 0; cpu < nr_cpus; cpu++)
		least = MIN(least, runner[cpu].longest);
	return (int)div_u64(least, 1000);
}

/* During Johnson's wait, for a tick of each CPU, no task runs: neither where CPUs reach schedule(),
 * nor on the initiator's own, be it as urgent. Where the host takes a CPU away on its way to
 * schedule(), its runner's pause is shorter by that: then it is measured again. */
static int nobody_runs_during_his_ticks(void)
{
	int wanted = (int)(nr_cpus * (9 * (1000000 / HZ / 10))), got = 0;

	for (u32 tries = 0; tries < 5 && got >= 0 && got < wanted; tries++)
		got = shortest_pause_us();
	for (u32 cpu = 0; got < wanted && cpu < nr_cpus; cpu++)
		printk("CPU %u was without its runner for %u us at most\n", cpu, (u32)div_u64(runner[cpu].longest, 1000));
	CHECK(got >= wanted);
	return 0;
}

int test_strategy_johnson_traps(void)
{
	const char *usual = strategy->name;
	int err = strategy_choose("johnson");

	if (!err)
		err = nobody_runs_during_his_ticks();
	sync_reset();
	int back = strategy_choose(usual);
	return err ? err : back;
}
