/* Idle CPUs (smp/idle.c): neither asked nor woken, and nothing is missed. CPU 1 is held at one place or
 * another on its way out of idle; the test keeps CPU 0. */
#include "entry/irq.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "module/module.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "shell/hazard.h"
#include "shell/ktest.h"
#include "smp/idle.h"
#include "smp/ipi.h"
#include "tests/kernel/on_cpu.h"
#include "tests/kernel/tests.h"
#include "unload/graveyard.h"
#include "unload/hold.h"
#include "unload/unload.h"
#include "x86/apic.h"
#include "x86/atomic.h"
#include "x86/clock.h"

#define PATIENCE (20 * NSEC_PER_SEC)
#define TEST_IRQ 6u			/* the floppy's: an edge, and no driver uses it */
#define OTHER    1u

/* With preemption off nothing runs here that would wake the other CPU. */
static bool comes_to_rest(u32 cpu)
{
	u64 limit = clock_ns() + PATIENCE;

	while (!cpus_idle(CPU_BIT(cpu)) && !clock_passed(limit))
		cpu_relax();
	return cpus_idle(CPU_BIT(cpu));
}

/* Its next interrupt, a tick at the latest, stops there. */
static int hold_it_at(const char *place)
{
	CHECK(comes_to_rest(OTHER));
	CHECK(!sync_hold_how(place, 1, (struct sync_how){ .only = cpus[OTHER]->idle->id, .spins = true }));
	CHECK(!sync_wait_held(place, from_now(PATIENCE)));
	return 0;
}

/* From there to the next place. (A CPU that spins at a sync point serves requests, so that a look
 * which is asked for now could be served at the first place, before the CPU has left idle.) */
static int hold_again_at(const char *next, const char *place)
{
	CHECK(!sync_hold_how(next, 1, (struct sync_how){ .only = cpus[OTHER]->idle->id, .spins = true }));
	sync_release(place);
	CHECK(!sync_wait_held(next, from_now(PATIENCE)));
	return 0;
}

static struct unload request;

static int unload(const char *name)
{
	memset(&request, 0, sizeof(request));
	strlcpy(request.name, name, sizeof(request.name));
	request.patience_ns = PATIENCE;
	return module_unload(&request);
}

/* -- an unload beside it ------------------------------------------------------------------------- */

struct look { u32 not_the_page; u32 word; bool there; };

static void look(void *arg, const struct regs *regs, u32 sp)
{
	struct look *l = arg;

	(void)regs, (void)sp;
	l->there = graveyard_probe((const u32 *)~l->not_the_page, &l->word);
}

/* It has the module in its TLB when it goes idle, and no more when it has left. `place`: where it is
 * during the unload; `asked`: that is no longer idle. */
static int unload_beside(const char *place, bool asked)
{
	static struct look l;		/* where no inspection reads it */
	struct load_error why;
	struct module *m;

	CHECK(module_load_by_name("null", "", &m, &why) == 0);
	l.not_the_page = ~m->owner.base;
	CHECK(!smp_call(CPU_BIT(OTHER), look, &l, PATIENCE) && l.there);
	CHECK(!hold_it_at(place));
	CHECK(!cpus_idle(CPU_BIT(OTHER)) == asked);
	u32 calls = this_cpu()->calls_sent;
	CHECK(unload("null") == 0);
	CHECK(nr_cpus > 2 || (this_cpu()->calls_sent != calls) == asked);
	if (!asked)
		CHECK(!hold_again_at("idle:left", place));
	CHECK(!smp_call(CPU_BIT(OTHER), look, &l, PATIENCE) && !l.there);
	sync_release(asked ? place : "idle:left");
	return 0;
}

static int under_both(int (*body)(void))
{
	const char *usual = strategy->name;
	int err = strategy_choose("trap");

	err = err ? err : ON_CPU(0, 2, body());
	err = err ? err : strategy_choose("census");
	err = err ? err : ON_CPU(0, 2, body());
	sync_reset();
	int back = strategy_choose(usual);
	return err ? err : back;
}

static int beside_idle(void) { return unload_beside("idle:interrupted", false); }
static int beside_one_that_left(void) { return unload_beside("idle:left", true); }

int test_idle_is_not_asked(void) { return under_both(beside_idle); }
int test_idle_that_left_is_asked(void) { return under_both(beside_one_that_left); }

/* -- it leaves in a hold ---------------------------------------------------------------------------- */

static u32 ran;
static void runs(void *unused) { (void)unused; WRITE_ONCE(ran, ran + 1); }

/* Woken while CPUs are held, it parks, and runs what it was woken for afterwards. */
static int woken_in_a_hold(void)
{
	struct task *t = task_create_stopped("woken", PRIO_NORMAL, runs, NULL);
	struct hold hold;
	u64 limit;

	CHECK(!IS_ERR(t));
	ran = 0;
	task_set_affinity(t, CPU_BIT(OTHER));
	mutex_lock(&module_remove_mutex);
	preempt_disable();
	bool rested = comes_to_rest(OTHER);
	hold_cpus(&hold);
	bool unparked = hold.unparked & CPU_BIT(OTHER), silent = hold.silent;
	smp_reschedule(OTHER);
	limit = clock_ns() + PATIENCE;
	while (load_acquire(&parking[OTHER].trap) != hold.trap && !clock_passed(limit))
		cpu_relax();
	bool parked = parking[OTHER].trap == hold.trap;
	release_cpus(&hold);
	preempt_enable();
	mutex_unlock(&module_remove_mutex);
	task_start(t);
	CHECK(task_join(t, from_now(PATIENCE)) == 0);
	task_put(t);
	CHECK(rested && (unparked || parked) && !silent && parked && ran == 1);
	return 0;
}

int test_idle_woken_in_a_hold_parks(void) { return ON_CPU(0, 2, woken_in_a_hold()); }

/* -- handlers ---------------------------------------------------------------------------------------- */

static u32 taken, idle_in_handler;

static enum irq_result notes_idle(u32 irq, void *arg)
{
	(void)irq, (void)arg;
	if (cpus_idle(CPU_BIT(this_cpu()->id)))
		WRITE_ONCE(idle_in_handler, idle_in_handler + 1);
	WRITE_ONCE(taken, taken + 1);
	return IRQ_HANDLED;
}

static bool find_line(struct irq_info *line)
{
	for (u32 i = 0; irq_nth(i, line); i++)
		if (line->irq == TEST_IRQ)
			return true;
	return false;
}

/* No longer idle when the handler begins, nor when what ended its sleep before was an NMI. */
static int interrupt_it(void)
{
	struct irq_info line;
	struct regs regs;

	CHECK(find_line(&line));
	for (u32 i = 1; i <= 10; i++) {
		u64 limit = clock_ns() + PATIENCE;
		CHECK(comes_to_rest(OTHER));
		CHECK(nmi_look(OTHER, &regs, PATIENCE));
		lapic_send(cpus[OTHER]->apic_id, line.vector);
		while (READ_ONCE(taken) != i && !clock_passed(limit))
			cpu_relax();
		CHECK(READ_ONCE(taken) == i);
	}
	CHECK(!idle_in_handler);
	return 0;
}

int test_idle_handler_is_busy(void)
{
	struct irq_action *a = request_irq(TEST_IRQ, notes_idle, 0, "idle", NULL);
	int err;

	CHECK(!IS_ERR(a));
	taken = idle_in_handler = 0;
	err = ON_CPU(0, 2, interrupt_it());
	CHECK(!free_irq(a));
	return err;
}
