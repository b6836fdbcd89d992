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
 */
#include "lib/errno.h"
#include "lib/format.h"
#include "sched/sched.h"
#include "smp/ipi.h"
#include "unload/remove.h"
#include "x86/clock.h"

#define LATER_NS   (NSEC_PER_MSEC)
#define ANSWER_NS  (20 * NSEC_PER_MSEC)

struct look {
	struct unload *u;
	u32 inside;
	bool impatient;
	bool on_cpu[NR_CPUS];		/* each CPU writes its own */
};

static void found(struct look *l, struct task *t, u32 eip)
{
	struct unload_report *r = &l->u->report;

	if (!l->inside++ && !r->nr_insiders++)
		r->insider[0] = (struct unload_insider){ .task_id = t->id, .cpu = t->cpu,
		                                         .offset = eip - l->u->mod->owner.base };
	if (l->impatient)
		task_boost(t, PRIO_TOP);	/* "bump ... to the front of the run queue" */
}

/* "An ipi would pick up the current process on each cpu." */
static void pick_up_current(void *arg, const struct regs *regs, u32 sp)
{
	struct look *l = arg;

	(void)sp;
	l->on_cpu[this_cpu()->id] = regs && owner_holds(&l->u->mod->owner, regs->eip);
}

/* "Walk all runnable processes to ensure none has an execution address inside." */
static void walk_runnable(struct look *l)
{
	for (struct task *t = task_next(NULL); t; t = task_next(t)) {
		u32 eip = READ_ONCE(t->preempted_at);

		l->u->report.inspected++;
		if (READ_ONCE(t->on_cpu) ? l->on_cpu[t->cpu] && t == cpus[t->cpu]->task
		                         : t->state == TASK_RUNNABLE && owner_holds(&l->u->mod->owner, eip))
			found(l, t, eip);
	}
}

static bool somebody_is_inside(struct look *l)
{
	l->inside = 0;
	l->u->report.tries++;
	for (u32 i = 0; i < NR_CPUS; i++)
		l->on_cpu[i] = false;
	if (smp_call(cpus_others(), pick_up_current, l, ANSWER_NS))
		return true;			/* a CPU that says nothing may be anywhere */
	walk_runnable(l);
	return l->inside;
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
	remove_module(u);
	return 0;
}

const struct strategy phillips_strategy = {
	.name   = "phillips",
	.source = "Daniel Phillips, linux-kernel, 4 Jul 2002",
	.gist   = "walk all runnable tasks for an execution address inside; try again later",
	.unload = phillips_unload,
};
