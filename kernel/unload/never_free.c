/* never-free: modules are never actually removed.
 *
 * Who:    Rusty Russell's patch, as LWN told it: "A different approach to module
 *         races", 30 Jul 2003, https://lwn.net/Articles/41726/, on which seed 001
 *         comments. "The module's cleanup function will be called and all kernel
 *         knowledge of the module will go away - but the module code itself will
 *         remain in the kernel."
 * Assumes that memory is there to be lost, and that the clean-up gives back all that
 *         leads into the module; nobody is counted, so nobody is refused.
 * Leaves open: the memory. (The article speaks of a later rmmod option that would
 *         clean it up: remains_sweep().) Late callers find the code, but data that the
 *         clean-up has torn down.
 */
#include "unload/init_section.h"
#include "unload/remove.h"

static int never_free_unload(struct unload *u)
{
	struct removal r;
	int err;

	err = look_at_dependents(u);
	if (err)
		return err;
	cleanup_module(u);			/* the clean-up function is called */
	removal_begin(u, &r);			/* all knowledge of the module goes away */
	u->report.leaked = (u->mod->image_pages * PAGE_SIZE);	/* the code remains */
	removal_end(u, &r);
	return 0;
}

const struct strategy never_free_strategy = {
	.name   = "never-free",
	.source = "Rusty Russell, July 2003, as told in LWN 41726",
	.gist   = "clean up, forget the module, and leave its memory where it is",
	.init_done = free_init,
	.unload = never_free_unload,
};
