/* phillips: look where each runnable process executes.
 *
 * Who:    Daniel Phillips, linux-kernel, 4 Jul 2002, quoted in seed 000.
 * Assumes that "at this point the use count must be zero and the module
 *         deregistered", so that only those are left who lowered the count and have
 *         yet to execute their way out.
 * Leaves open: whoever sleeps, since only runnable processes are walked; whoever
 *         executes in the core and will return into the module, since the execution
 *         address is all that is looked at; who moves while he is looked for. There is
 *         no way back after the deregistration, so it tries until nobody is inside.
 *
 *   CPU 0 (rmmod)                      CPU 1 (task inside)
 *   asks CPU 1: outside                in a core function, called from the module
 *   frees
 *                                      returns into freed text
 *
 *   walks the tasks: this one runs,
 *   an IPI will pick it up
 *                                      is preempted: in no CPU's hands now
 *   asks CPU 1: another task, outside
 *   frees
 *                                      goes on in freed text
 */
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "smp/ipi.h"
#include "unload/remove.h"
#include "x86/clock.h"

#define LATER_NS   (NSEC_PER_MSEC)
#define ANSWER_NS  (20 * NSEC_PER_MSEC)
#define MAX_BUMPED 16u

struct look {
	struct unload *u;
	u32 inside;
	bool impatient;
	u32 nr_bumped;
	struct task *bumped[MAX_BUMPED];	/* with a reference */
	/* Each CPU writes its own: who runs there, if it is inside (with a reference), and where. */
	struct picked { struct task *task; u32 eip; } on_cpu[NR_CPUS];
};

/* "bump ... to the front of the run queue". It stays there until the unload is over: if it were
 * sent back before it has left, it would be preempted inside just when the next look comes, in
 * which it is neither runnable (it ran when the tasks were walked) nor on a CPU any more. */
static void bump(struct look *l, struct task *t)
{
	for (u32 i = 0; i < l->nr_bumped; i++) {
		if (l->bumped[i] == t)
			return;
	}
	if (l->nr_bumped == MAX_BUMPED)
		return;
	task_get(t);
	task_boost(t, PRIO_TOP);
	l->bumped[l->nr_bumped++] = t;
}

static void take_back_bumps(struct look *l)
{
	while (l->nr_bumped) {
		struct task *t = l->bumped[--l->nr_bumped];

		task_unboost(t, PRIO_TOP);
		task_put(t);
	}
}

static void found(struct look *l, struct task *t, u32 eip)
{
	struct unload_report *r = &l->u->report;

	if (!l->inside++ && !r->nr_insiders++)
		r->insider[0] = (struct unload_insider){ .task_id = t->id, .cpu = t->cpu,
		                                         .offset = eip - l->u->mod->owner.base };
	if (l->impatient)
		bump(l, t);
}

/* "Walk all runnable processes to ensure none has an execution address inside." Those
 * that run have one that only their CPU knows. */
static void walk_runnable(struct look *l)
{
	for (struct task *t = task_next(NULL); t; t = task_next(t)) {
		u32 eip = READ_ONCE(t->preempted_at);

		l->u->report.inspected++;
		if (!READ_ONCE(t->on_cpu) && t->state == TASK_RUNNABLE && owner_holds(&l->u->mod->owner, eip))
			found(l, t, eip);
	}
}

/* Who has just got its CPU back executes where it was preempted, and is on its way there. */
static void pick_up_current(void *arg, const struct regs *regs, u32 sp)
{
	struct look *l = arg;
	u32 preempted_at = current->preempted_at, eip = preempted_at ? preempted_at : regs ? regs->eip : 0;

	(void)sp;
	if (!owner_holds(&l->u->mod->owner, eip))
		return;
	task_get(current);
	l->on_cpu[this_cpu()->id] = (struct picked){ current, eip };
}

/* "For smp, an ipi would pick up the current process on each cpu." Returns those that do not
 * answer. */
static cpumask_t ask_cpus(struct look *l)
{
	cpumask_t silent;
	u32 cpu;

	memset(l->on_cpu, 0, sizeof(l->on_cpu));
	preempt_disable();		/* or this CPU would be another one meanwhile */
	silent = smp_call(cpus_others(), pick_up_current, l, ANSWER_NS);
	preempt_enable();
	for_each_cpu_in(cpu, cpus_online & ~silent) {
		struct picked *p = &l->on_cpu[cpu];
		if (!p->task)
			continue;
		found(l, p->task, p->eip);
		task_put(p->task);
	}
	return silent;
}

static bool somebody_is_inside(struct look *l)
{
	l->inside = 0;
	l->u->report.tries++;
	walk_runnable(l);
	return ask_cpus(l) || l->inside;	/* a CPU that says nothing may be anywhere */
}

static int phillips_unload(struct unload *u)
{
	struct look look = { .u = u };
	int err;

	mutex_lock(&modules_mutex);
	err = look_at_use_count(u);		/* "the use count must be zero */
	mutex_unlock(&modules_mutex);
	if (err)
		return err;
	cleanup_module(u);			/*  and the module deregistered" */
	while (somebody_is_inside(&look)) {
		sleep_ns(LATER_NS);		/* "we try again later, or */
		look.impatient = true;		/*  if we're impatient, also bump" */
	}
	take_back_bumps(&look);
	remove_module(u);
	return 0;
}

const struct strategy phillips_strategy = {
	.name   = "phillips",
	.source = "Daniel Phillips, linux-kernel, 4 Jul 2002",
	.gist   = "walk all runnable tasks for an execution address inside; try again later",
	.module_bytes = USE_COUNT_BYTES,
	.unload = phillips_unload,
};
