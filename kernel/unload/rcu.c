/* rcu: one count that cannot rise from zero, then a grace period.
 *
 * Who:    Linux since 3.19: Masami Hiramatsu, "module: Remove stop_machine from module
 *         unloading", with Rusty Russell, Nov 2014; today's mainline.
 * Assumes that the core gets a user before the module's open() and puts it after its
 *         release(), with try_module_get() and module_put(); that all other ways in end
 *         with the module's exit, which waits for what it ends; that who still looks at
 *         the lists that the module stood in does so without preemption.
 * Leaves open: who is in the module without a count and can be preempted or sleep.
 *
 *   CPU 0 (rmmod)                      CPU 1
 *   count 1 (its own) - 1 = 0
 *                                      try_module_get(): 0 does not rise: turned away
 *   exit, grace period, free
 * or
 *                                      try_module_get(): 1 -> 2
 *   2 - 1 = 1: not the last; + 1
 *   -EWOULDBLOCK
 */
#include "entry/turnstile.h"
#include "lib/errno.h"
#include "sched/grace.h"
#include "unload/counts.h"
#include "unload/holders.h"
#include "unload/init_section.h"
#include "unload/remove.h"
#include "x86/panic.h"

static bool try_module_get(struct owner *o)
{
	return !o->marked && ref_get_unless_zero(o);
}

static void module_put(struct owner *o)
{
	ref_put(o);
}

/* Takes away the 1 that stands for the module being loaded; gives it back if there are
 * others, unless they have left meanwhile. */
static int try_release_module_ref(struct owner *o)
{
	if (ref_put(o) || !ref_get_unless_zero(o))
		return 0;
	return -EWOULDBLOCK;
}

static int try_stop_module(struct unload *u)
{
	struct owner *o = &u->mod->owner;

	if (try_release_module_ref(o)) {
		if (!(u->flags & UNLOAD_FORCE))
			return say_in_use(u, READ_ONCE(o->refs) - 1, -EWOULDBLOCK);
		kernel_taint |= TAINT_FORCED_UNLOAD;
	}
	owner_set_marked(o, true);		/* MODULE_STATE_GOING */
	return 0;
}

static int rcu_unload(struct unload *u)
{
	struct removal r;
	int err;

	err = look_at_dependents(u);
	if (!err)
		err = look_for_exit(u);
	if (!err)
		err = try_stop_module(u);
	if (err)
		return err;
	cleanup_module(u);
	removal_begin(u, &r);			/* off all lists, */
	grace_wait();				/* nobody stands in them any more, */
	removal_unmap(u, &r);			/* free */
	removal_end(u, &r);
	return 0;
}

static const struct turnstile counted = { .get = try_module_get, .put = module_put };

const struct strategy rcu_strategy = {
	.name   = "rcu",
	.source = "Linux since 3.19, Masami Hiramatsu and Rusty Russell, Nov 2014",
	.gist   = "an atomic count that cannot rise from zero, exit, a grace period, free",
	.turnstile = &counted,
	.module_bytes = sizeof_field(struct owner, marked) + sizeof_field(struct owner, refs),
	.init_done = free_init_after_grace,
	.unload = rcu_unload,
};
