/* trap: the default.
 *
 * Who:    Richard B. Johnson's flag that traps every CPU in schedule(), joined
 *         with Daniel Phillips' look at execution addresses through an IPI
 *         (both linux-kernel, July 2002), made whole here.
 * Assumes that a module is entered through the core's records only, and that
 *         what a task holds of a module lies on its stack while it is not
 *         running (docs/ARCHITECTURE.md, "Why trap is safe").
 * Leaves open: nothing that the hazard catalogue knows. A word on a stack that
 *         merely looks like an address of the module delays it.
 */
#include "lib/errno.h"
#include "sched/sync.h"
#include "unload/ahead.h"
#include "unload/hold.h"
#include "unload/init_section.h"
#include "unload/inspect.h"
#include "unload/steps.h"

/* Stops the world for as long as one look takes, at those tasks that were not looked at just
 * before, or have run since. True: no task is inside, and from this instant none can be; the
 * module is OWNER_GONE. */
static bool nobody_inside(struct inspection *in)
{
	struct hold hold;

	inspection_take_turn(in);
	look_ahead(in);			/* while all run */
	hold_cpus(&hold);
	sync_point("unload:look");
	inspect_cpus(in, hold.unparked);
	bool quiet = inspect_tasks_and_commit(in);
	release_cpus(&hold);
	look_ahead_end(in);
	inspection_end_turn();
	return quiet;
}

/* Tries until nobody is inside. */
int trap_quiesce(struct unload *u)
{
	uninitialized struct inspection in;	/* large; inspection_init() writes what is read */
	int err = 0;

	inspection_init(&in, u);
	for (;;) {
		inspection_begin(&in);
		if (nobody_inside(&in))		/* 3. trap, 4. inspect */
			break;
		err = help_insiders_out(u, &in);	/* 5. the front of the queue, and patience */
		if (err)
			break;
	}
	inspection_end(&in);
	return err;
}

static int trap_unload(struct unload *u)
{
	int err;

	err = unload_begin(u);				/* 1. GOING: nobody new gets in */
	if (err)
		return err;
	unload_close_entries(u);			/* 2. every way in leads to a stub */
	err = trap_quiesce(u);
	if (err) {
		unload_roll_back(u);			/* ... and the module goes on as before */
		return err;
	}
	unload_run_exit(u, true);			/* 6. exit, for so long */
	unload_finish(u);				/*    unmap, shoot down, free */
	return 0;
}

const struct strategy trap_strategy = {
	.name   = "trap",
	.source = "Quiesce, after Johnson and Phillips, linux-kernel, July 2002",
	.gist   = "trap every CPU in schedule(), inspect stacks by IPI, free when nobody is inside",
	.module_bytes = SEAL_BYTES,
	.init_done = free_init_if_nobody_inside,
	.unload = trap_unload,
};
