/* machek: put everybody into the refrigerator, unload, thaw.
 *
 * Who:    Pavel Machek, linux-kernel, 3 Jul 2002, quoted in seed 000: "I believe you can
 *         just freeze_processes(), unload module [now its safe, you *know* noone is
 *         using that module, because all processes are in your refrigerator],
 *         thaw_processes(). That's going to take *lot* of time, but should be very simple
 *         and very effective."
 * Assumes that a process in the refrigerator is not in a module, and that nobody but
 *         processes uses one.
 * Leaves open: where a process may be frozen. Both readings are here: at its own safe
 *         points only, where it is in no call; or anywhere, which is what Keith
 *         Owens' answer (seed 002) is about: "freezing processes has the same effect as
 *         preempt". And interrupts, timers, the module's own threads, those that the
 *         clean-up needs in order to end.
 *
 *   CPU 0 (rmmod)                      CPU 1 (task inside, count 0)
 *   freezes
 *                                      frozen where it is: in the module
 *   unloads, thaws
 *                                      goes on in freed text
 */
#include "lib/errno.h"
#include "lib/format.h"
#include "unload/freezer.h"
#include "unload/remove.h"

/* What "unload module" is, in the words of the time. */
static int unload_module(struct unload *u)
{
	int err;

	mutex_lock(&modules_mutex);
	err = look_at_use_count(u);
	mutex_unlock(&modules_mutex);
	if (err)
		return err;
	cleanup_module(u);
	remove_module(u);
	return 0;
}

static int could_not_freeze(struct unload *u, int err)
{
	snprintf(u->report.error, sizeof(u->report.error),
	         "%s: somebody does not come to the refrigerator; still live", u->name);
	return err;
}

static int machek_unload(struct unload *u)
{
	int err;

	err = freeze_at_safe_points(u->deadline);
	if (err)
		return could_not_freeze(u, err == -ETIMEDOUT ? -EBUSY : err);
	err = unload_module(u);
	thaw_tasks();
	return err;
}

static int machek_anywhere_unload(struct unload *u)
{
	int err;

	err = freeze_anywhere();
	if (err)
		return could_not_freeze(u, err);
	err = unload_module(u);
	thaw_tasks();
	return err;
}

const struct strategy machek_strategy = {
	.name   = "machek",
	.source = "Pavel Machek, linux-kernel, 3 Jul 2002; frozen at safe points",
	.gist   = "freeze all tasks where they are in no call, unload, thaw",
	.turnstile = &freezer_turnstile,
	.module_bytes = USE_COUNT_BYTES,
	.unload = machek_unload,
};

const struct strategy machek_anywhere_strategy = {
	.name   = "machek-anywhere",
	.source = "Pavel Machek, as Keith Owens read him; frozen anywhere",
	.gist   = "freeze all tasks wherever they are, unload, thaw",
	.module_bytes = USE_COUNT_BYTES,
	.unload = machek_anywhere_unload,
};
