/* What the models of tests/models refute, refuted in the C: each test stages the instant of one variant
 * (docs/TESTING.md has the table). A task that never runs plays the one that moves: the test writes its
 * stack, and says where it is. */
#include "entry/thread.h"
#include "entry/timer.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "module/module.h"
#include "sched/rq.h"
#include "sched/sync.h"
#include "shell/hazard.h"
#include "shell/ktest.h"
#include "smp/ipi.h"
#include "tests/kernel/fake_module.h"
#include "tests/kernel/on_cpu.h"
#include "tests/kernel/tests.h"
#include "unload/inspect.h"
#include "unload/steps.h"
#include "unload/unload.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/paging.h"
#include "x86/panic.h"

#define PATIENCE (20 * NSEC_PER_SEC)
#define TRIES    20			/* a host may stop a CPU at the wrong moment */

/* A module of no memory: a task holds an address of it only if it is given one. */
static struct look { struct inspection in; struct unload u; struct module m; } *look;
#define FAKE_BASE (MODULE_BASE + MODULE_SIZE - 4 * PAGE_SIZE)

static struct task *still;
static u32 still_sp, still_top;

static void does_nothing(void *unused) { (void)unused; }

static int begin(void)
{
	look = kzalloc(sizeof(*look));
	CHECK(look);
	CHECK(fake_comes_at(&look->m.owner, "fake", (void *)FAKE_BASE, PAGE_SIZE) == 0);
	look->u.mod = &look->m;
	inspection_init(&look->in, &look->u);
	still = task_create_stopped("still", PRIO_NORMAL, does_nothing, NULL);
	CHECK(!IS_ERR(still));
	still_sp = still->sp;
	still_top = still->scan_top;
	return 0;
}

/* It runs, and ends. */
static int end(void)
{
	int err;

	still->on_cpu = 0;
	still->sp = still_sp;
	still->scan_top = still_top;
	task_start(still);
	err = task_join(still, from_now(PATIENCE));
	task_put(still);
	if (look->m.owner.state != OWNER_GONE)
		owner_set_state(&look->m.owner, OWNER_GOING);
	owner_unregister(&look->m.owner);
	kfree(look);
	return err;
}

static int with_look(int (*body)(void))
{
	int err = begin();

	if (err)
		return err;
	err = body();
	return end() ? -ETIMEDOUT : err;
}

/* On CPU 0, where there are that many. */
static int here(u32 least, int (*body)(void))
{
	return ON_CPU(0, least, with_look(body));
}

/* -- a task on another CPU, with preemption off: never held, but it answers ----------------------- */

static struct { volatile bool there, go, flip; struct task *task; } other;

/* While the look stands between the stack of `still` and the second look at its on_cpu. */
static void switch_in(void)
{
	struct sync_info info;

	if (sync_nth(0, &info) && info.held) {
		other.flip = false;
		store_release(&still->on_cpu, 1);
		sync_release("trap:read");
	}
}

static void spins(void *unused)
{
	(void)unused;
	preempt_disable();
	other.there = true;
	while (!other.go) {
		cpu_relax();
		if (other.flip)
			switch_in();
	}
	preempt_enable();
}

static int start_on(u32 cpu, void (*fn)(void *))
{
	other.there = other.go = other.flip = false;
	other.task = task_create_on(cpu, "other", PRIO_NORMAL, fn, NULL);
	CHECK(!IS_ERR(other.task));
	for (u64 limit = clock_ns() + PATIENCE; !other.there && !clock_passed(limit); )
		sleep_ms(1);
	return other.there ? 0 : -ETIMEDOUT;
}

static int start_other(u32 cpu) { return start_on(cpu, spins); }

static int stop_other(void)
{
	other.go = true;
	int err = task_join(other.task, from_now(PATIENCE));
	task_put(other.task);
	return err;
}

/* The look of trap: held, those asked that cannot be, all stacks read. `before`: called when all but
 * the last is done. */
static bool look_while_held(bool ask, void (*before)(const struct hold *h))
{
	struct inspection *in = &look->in;
	struct hold hold;

	owner_set_state(&look->m.owner, OWNER_GOING);
	look->u.asker_sp = (u32)__builtin_frame_address(0);
	inspection_begin(in);
	inspection_take_turn(in);
	hold_cpus(&hold);
	if (ask)
		inspect_cpus(in, hold.unparked);
	if (before)
		before(&hold);
	bool quiet = inspect_tasks_and_commit(in);
	release_cpus(&hold);
	inspection_end_turn();
	return quiet;
}

/* trap, NO_ANSWER: a running task is not outside just because it was not asked. */
static int unasked_is_unseen(void)
{
	CHECK(start_other(1) == 0);
	bool quiet = look_while_held(false, NULL);
	u32 unseen = look->in.nr_unseen;
	CHECK(stop_other() == 0);
	CHECK(!quiet && unseen >= 1);
	return 0;
}

/* trap, ANY_PARKED: its CPU stands in the trap, but with another task. */
static void says_it_runs_on_a_parked_cpu(const struct hold *h)
{
	u32 cpu = 0;

	for_each_cpu_in(cpu, h->parked)
		break;
	still->cpu = cpu;
	still->on_cpu = 1;
}

static int parked_with_another(void)
{
	bool quiet = true;

	for (u32 i = 0; i < TRIES && quiet; i++) {
		u32 cpu = still->cpu;
		quiet = look_while_held(true, says_it_runs_on_a_parked_cpu);
		still->on_cpu = 0;
		still->cpu = cpu;
		if (quiet)
			break;			/* it was passed by the stack of another */
		CHECK(look->in.nr_unseen >= 1);
		return 0;
	}
	CHECK(!quiet);
	return 0;
}

/* trap, LOOKS_ONCE: it rests; its stack is read; it is switched in; does it still rest? */
static int switched_in_meanwhile(void)
{
	CHECK(start_other(1) == 0);
	CHECK(sync_hold_how("trap:read", 1, (struct sync_how){ .only = still->id, .spins = true }) == 0);
	other.flip = true;
	bool quiet = look_while_held(true, NULL), flipped = !other.flip;
	sync_reset();
	CHECK(stop_other() == 0);
	CHECK(flipped && !quiet && look->in.nr_unseen >= 1);
	return 0;
}

/* trap, PARKS_EARLY: a task is inside on a CPU that parks; where its registers are is written, and not
 * yet acknowledged. Until then the slot holds the value of an earlier trap; here that points to where nothing is read.
 *
 *	asker			CPU 1
 *	raises the flag
 *				parking.sp = where its registers are
 *				(held here)
 *	not parked: asks it
 *				answers: inside
 *				parking.trap = n
 */
#define PARKS_NS (20 * NSEC_PER_MSEC)	/* shorter than hold_cpus() waits */

static void is_inside(void *unused)
{
	volatile u32 address = FAKE_BASE;

	(void)unused;
	other.there = true;
	while (!other.go && address)
		cpu_relax();
}

static int parks_with_registers(void)
{
	u32 insiders, tries = 0;
	bool late;

	CHECK(start_on(1, is_inside) == 0);
	do {
		parking[1].sp = other.task->scan_top;
		CHECK(sync_hold_how("trap:parks", 1, (struct sync_how){ .only = other.task->id, .for_ns = PARKS_NS }) == 0);
		CHECK(!look_while_held(true, NULL));
		insiders = look->in.nr_insiders;
		late = look->in.silent != 0;	/* a CPU of a crowded host, which is late: that look decides nothing */
		inspection_end(&look->in);
		sync_reset();
	} while (late && ++tries < 20);
	CHECK(stop_other() == 0);
	CHECK(insiders >= 1);
	return 0;
}

int test_model_trap_parks_early(void) { return here(2, parks_with_registers); }
int test_model_trap_no_answer(void) { return here(2, unasked_is_unseen); }
int test_model_trap_any_parked(void) { return here(2, parked_with_another); }
int test_model_trap_looks_once(void) { return here(2, switched_in_meanwhile); }

/* -- both ----------------------------------------------------------------------------------------- */

/* CHILD_PASSES: a child knows what its creator knows, and is marked as it is. */
static int child_is_marked_as_its_creator(void)
{
	u64 mine = rising_read(&current->inspected);

	current->inspected = 7;			/* no inspection asks for that one any more */
	struct task *child = task_create_stopped("child", PRIO_NORMAL, does_nothing, NULL);
	u64 marked = IS_ERR(child) ? 0 : child->inspected;
	rising_raise(&current->inspected, mine);
	CHECK(!IS_ERR(child));
	task_start(child);
	CHECK(task_join(child, from_now(PATIENCE)) == 0);
	task_put(child);
	CHECK(marked == 7 && still->ran_generation == load_generation);
	return 0;
}

/* EPOCH_LATE: what is handed over between look and commit voids the look. */
static int handed_over_behind_the_look(void)
{
	struct inspection *in = &look->in;

	owner_set_state(&look->m.owner, OWNER_GOING);
	in->epoch = owner_epoch(&look->m.owner);
	in->number = ++last_inspection;
	owner_raise_epoch(&look->m.owner);
	CHECK(!inspection_commit(in) && in->epoch_changed);
	return 0;
}

/* UNLOCKED: while a stack is read, nobody switches the task in. */
static bool was_locked;

static void is_locked(struct task *t, u32 sp, void *arg)
{
	(void)sp, (void)arg;
	was_locked = spin_held(&rq_of(t->cpu)->lock);
}

static int read_under_its_lock(void)
{
	was_locked = false;
	CHECK(task_look_at_rest(still, is_locked, NULL) && was_locked);
	return 0;
}

/* MARKS_ON_CPUS: the task that ran on a CPU when it answered was outside; another one, which rests and is of that
 * CPU, is inside. */
static int rests_where_another_answered(void)
{
	u32 cpu = still->cpu, *word = (u32 *)still->sp;

	CHECK(start_other(1) == 0);
	*word = FAKE_BASE;			/* EDI, as it was saved */
	still->cpu = 1;
	bool quiet_held = look_while_held(true, NULL);
	u32 held = look->in.nr_insiders;
	inspection_end(&look->in);
	look->u.asker_sp = (u32)__builtin_frame_address(0);
	inspection_begin(&look->in);
	bool quiet_census = census_look(&look->in);
	u32 counted = look->in.nr_insiders;
	inspection_end(&look->in);
	*word = 0;
	still->cpu = cpu;
	CHECK(stop_other() == 0);
	CHECK(!quiet_held && held == 1 && !quiet_census && counted == 1);
	return 0;
}

int test_model_marks_on_tasks(void) { return here(2, rests_where_another_answered); }
int test_model_child_passes(void) { return with_look(child_is_marked_as_its_creator); }
int test_model_epoch_late(void) { return with_look(handed_over_behind_the_look); }
int test_model_unlocked(void) { return with_look(read_under_its_lock); }

/* -- census: ONE_ROUND ------------------------------------------------------------------------------- */

/*	asker			CPU 1				the task, inside
 *	round 1: asks
 *				answers
 *								is switched in there
 *	walks: it runs
 *								is switched out
 *	round 2: asks, walks:
 *	finds it
 */
static bool posted_to(const struct cpu *c)
{
	for (u32 w = 0; w < ARRAY_SIZE(c->inbox); w++)
		if (READ_ONCE(c->inbox[w]))
			return true;
	return false;
}

static volatile bool answers_now, over;

/* Interrupts off: each round waits for this CPU, so what comes in between is its to choose. */
static void answers_by_hand(void *unused)
{
	u32 flags = irq_save();

	(void)unused;
	answers_now = true;
	while (!posted_to(this_cpu()) && !over)
		cpu_relax();
	ipi_serve();				/* round 1 */
	while (!posted_to(this_cpu()) && !over)
		cpu_relax();
	store_release(&still->on_cpu, 0);	/* after the walk, before round 2 is answered */
	ipi_serve();
	irq_restore(flags);
}

static int runs_between_rounds(void)
{
	struct inspection *in = &look->in;

	owner_set_state(&look->m.owner, OWNER_GOING);
	answers_now = over = false;
	struct task *t = task_create_on(1, "by hand", PRIO_TOP, answers_by_hand, NULL);
	CHECK(!IS_ERR(t));
	for (u64 limit = clock_ns() + PATIENCE; !answers_now && !clock_passed(limit); )
		cpu_relax();
	((u32 *)still->sp)[0] = FAKE_BASE;	/* EDI, as it was saved */
	still->cpu = 1;
	still->on_cpu = 1;
	look->u.asker_sp = (u32)__builtin_frame_address(0);
	inspection_begin(in);
	bool quiet = census_look(in);
	over = true;
	CHECK(task_join(t, from_now(PATIENCE)) == 0);
	task_put(t);
	((u32 *)still->sp)[0] = 0;
	u32 found = in->nr_insiders;
	inspection_end(in);
	CHECK(!quiet && found >= 1);
	return 0;
}

int test_model_census_one_round(void) { return here(2, runs_between_rounds); }

/* census, NO_LOOK: a task that gives its CPU up inside, and is outside before it is asked, was seen at that. */
static void passes_inside(void *unused)
{
	volatile u32 address = FAKE_BASE;

	(void)unused;
	other.there = true;
	while (!other.go && address)
		cpu_relax();
	yield();
	address = 0;
}

static int looks_in_passing(void)
{
	struct inspection *in = &look->in;

	CHECK(start_on(1, passes_inside) == 0);
	look->u.asker_sp = (u32)__builtin_frame_address(0);
	inspection_begin(in);
	inspection_watch(in);
	int err = stop_other();
	inspection_unwatch(in);
	CHECK(!err && inspection_is_void(in));
	return 0;
}

int test_model_census_looks_in_passing(void) { return here(2, looks_in_passing); }

/* -- roll back: LIVE, then open ----------------------------------------------------------------------- */

static struct { struct unload u; struct module m; volatile u32 starts; volatile int registered; } back;

/* The module's thread. When it is started again it registers something at once. */
static noinline void registers(void *unused)
{
	struct timer *t = timer_create("early", registers, NULL);

	(void)unused;
	back.registered = IS_ERR(t) ? PTR_ERR(t) : 0;
	if (!IS_ERR(t))
		timer_destroy(t);
	back.starts++;
	while (!kthread_should_stop())
		(void)sleep_interruptible_ns(NSEC_PER_SEC);
}

static bool has_started(u32 times)
{
	for (u64 limit = clock_ns() + PATIENCE; back.starts < times && !clock_passed(limit); )
		sleep_ms(1);
	return back.starts >= times;
}

static int rolls_back(void)
{
	struct owner *o = &back.m.owner;
	struct thread *t;
	u32 id;

	CHECK(fake_comes(o, "fake", (void *)registers) == 0);
	t = kthread_run(registers, NULL, "early");
	CHECK(!IS_ERR(t) && has_started(1) && back.registered == 0);
	fake_closes(o);
	owner_stop_threads(o);
	for (u64 limit = clock_ns() + PATIENCE; owner_threads_alive(o, &id, NULL) && !clock_passed(limit); )
		sleep_ms(1);
	back.u.mod = &back.m;
	unload_roll_back(&back.u);
	CHECK(has_started(2) && back.registered == 0);
	return fake_goes(o);
}

static void rolls_back_at_low_priority(void *arg) { *(int *)arg = rolls_back(); }

/* On one CPU the thread runs before its creator goes on. */
int test_model_live_before_open(void)
{
	static int err;

	memset(&back, 0, sizeof(back));
	err = -ETIMEDOUT;
	struct task *t = task_create_on(0, "rolls back", PRIO_LOW, rolls_back_at_low_priority, &err);
	CHECK(!IS_ERR(t) && task_join(t, from_now(2 * PATIENCE)) == 0);
	task_put(t);
	return err;
}
