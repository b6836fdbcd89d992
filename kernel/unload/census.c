/* census: nobody is held, everybody is looked at once.
 *
 * Who:    this project's second answer. trap stops all CPUs so that nothing moves
 *         while it looks; census lets everything move and looks at each task once,
 *         wherever it is found: running, by IPI; switched out, under the lock of its
 *         run queue; on its way from one to the other, in schedule().
 * Assumes what trap assumes (docs/ARCHITECTURE.md, A1 to A7).
 * Leaves open: a load that never rests can keep it trying, as with trap.
 *
 * Why one look at each is enough, although they are looked at one after the other:
 *
 * 1. Once outside, always outside. The entry points are closed before the first
 *    look, and each look orders the task's later loads behind that (an interrupt, or
 *    the lock of a run queue): it finds stubs. A task that is off its CPU and has not
 *    run since the load is passed without a lock: it holds nothing, and the CPU that
 *    will run it has been interrupted since the close, in the first round. So a task
 *    that held no address of the module when it was looked at can come by one only
 *    from a task inside that hands it over, through a core function, which raises the
 *    epoch: then all is void.
 *    A child knows what its parent knows, and inherits its mark.
 * 2. Nobody escapes two rounds. A task that runs and was not asked in the first
 *    round was switched in on a CPU that had answered it before. In the second that
 *    CPU is asked again. If the task has left it, it went through schedule(), on
 *    a CPU that sees the flag since its first answer, and looked at itself there. A look
 *    that it had begun there for an earlier census, and that comes late, does not take its mark
 *    back: marks only rise (pass(), inspect.c).
 * 3. An interrupt handler that began before the close runs with interrupts off on top
 *    of a task that is on a CPU all the time, and that CPU answers only after it.
 *
 *   CPU 0 (asker)             CPU 1                        CPU 2
 *   asks 1 and 2              answers for task A: outside
 *                                                          answers for B: outside
 *                             switches A out, C in, which
 *                             rested when it all began
 *   walks: A has passed;
 *   C runs, not seen yet
 *   asks 1                    C gives way to A: looks at   C is pulled over
 *                             itself in schedule(): inside
 *   finds the note: void, tries again
 */
#include "entry/entry.h"
#include "lib/errno.h"
#include "sched/sync.h"
#include "smp/ipi.h"
#include "unload/init_section.h"
#include "unload/inspect.h"
#include "unload/steps.h"
#include "x86/panic.h"

/* What the first claim rests on: no record can be added to a module that is GOING. */
static void assert_closed(struct entry *e, void *ctx)
{
	(void)ctx;
	ASSERT(e->closed || e->unlinked);
}

/* True: each task was outside when it was looked at. */
bool census_look(struct inspection *in)
{
	cpumask_t running = ~0ull;
	u32 round = 1;

	inspection_watch(in);
	sync_point("census:watch");
	do {
		inspect_cpus(in, running);			/* running: by IPI */
		sync_point("unload:look");
		running = inspect_resting_tasks(in, round++);	/* switched out: where they rest */
	} while (running && !inspection_is_void(in));
	inspection_unwatch(in);
	return !inspection_is_void(in);
}

/* ... and can only have stayed there. */
static bool census_take(struct inspection *in)
{
	ASSERT(in->owner->state == OWNER_GOING);
	entries_each(in->owner, assert_closed, NULL);
	return census_look(in);
}

static int census_quiesce(struct unload *u)
{
	uninitialized struct inspection in;
	int err = 0;

	inspection_init(&in, u);
	for (;;) {
		inspection_begin(&in);
		if (census_take(&in) && inspection_commit(&in))
			break;		/* from this instant nobody can be inside */
		err = help_insiders_out(u, &in);
		if (err)
			break;
	}
	inspection_end(&in);
	return err;
}

static int census_unload(struct unload *u)
{
	int err;

	err = unload_begin(u);				/* nobody new gets in */
	if (err)
		return err;
	unload_close_entries(u);			/* every way in leads to a stub */
	err = census_quiesce(u);			/* everybody was outside once */
	if (err) {
		unload_roll_back(u);
		return err;
	}
	unload_run_exit(u, true);			/* exit, for so long */
	unload_finish(u);				/* unmap, shoot down, free */
	return 0;
}

const struct strategy census_strategy = {
	.name   = "census",
	.source = "Quiesce",
	.gist   = "look at each task once, wherever it is; no CPU is ever held",
	.module_bytes = SEAL_BYTES,
	.init_done = free_init_if_nobody_inside,
	.unload = census_unload,
};
