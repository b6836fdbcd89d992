/* owens: unregister, <handwaving>, count again.
 *
 * Who:    Keith Owens, linux-kernel, July 2002, seed 002; "Rusty and I agree that if (and
 *         it's a big if) we want to support module unloading safely then this is the only
 *         sane way to do it."
 * Assumes that each module's clean-up is split in two: unregister, which only removes
 *         what others can see, and the final clean-up. Who has no such split is refused.
 * Leaves open: the handwaving, "whatever it takes to ensure that nothing is executing any
 *         module code, including threads, command callbacks etc." Here it is a parameter,
 *         one strategy for each candidate of the time: timer ticks, the freezer, the
 *         stopped machine, a grace period. None of them is whatever it takes.
 *
 *   CPU 0 (rmmod)                      CPU 1
 *   count is 0
 *                                      open(): in the module, not counted yet
 *   unregister
 *                                      count + 1
 *   <handwaving>
 *   count is 1: registers again
 */
#include "lib/errno.h"
#include "lib/format.h"
#include "sched/grace.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "sched/way_out.h"
#include "unload/freezer.h"
#include "unload/remove.h"
#include "unload/stop_machine.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/symbols.h"

#define DELAYED_NS NSEC_PER_MSEC

static int look_locked(struct unload *u)
{
	mutex_lock(&modules_mutex);
	int err = look_at_use_count(u);
	mutex_unlock(&modules_mutex);
	return err;
}

/* Marked for delayed delete, when the asker is ready to wait. */
static int delayed_delete(struct unload *u, int err)
{
	while (err == -EBUSY && (u->flags & UNLOAD_WAIT) && !clock_passed(u->deadline)) {
		if (sleep_interruptible_ns(DELAYED_NS))
			return -EINTR;
		err = look_locked(u);
	}
	return err;
}

/* Calls one of the module's functions. False: it did not return in time, and was left. The
 * mail knows no such bound; it is the request's. */
static bool call_for_so_long(struct unload *u, void (*fn)(void *u))
{
	u64 patience = u->patience_ns ? u->patience_ns : UNLOAD_PATIENCE_NS;
	const struct owner *o = &u->mod->owner;
	char where[64];
	struct way_out w;

	if (call_with_way_out(fn, u, o->base, o->size, patience, &w))
		return true;
	symbolise(w.left_at, where, sizeof(where));
	snprintf(u->report.error, sizeof(u->report.error),
	         "%s: its clean-up did not return, and was left at %s; it is half dead", u->name, where);
	return false;
}

static void call_unregister(void *u)
{
	((struct unload *)u)->mod->unregister();
}

static void reregister(void *u)
{
	((struct unload *)u)->report.reregister_failed = ((struct unload *)u)->mod->reregister() != 0;
}

static int unregister(struct unload *u)
{
	return call_for_so_long(u, call_unregister) ? 0 : -ETIMEDOUT;
}

/* "Reactivate the module by calling the module's register routine." */
static void reactivate(struct unload *u)
{
	if (!call_for_so_long(u, reregister) || u->report.reregister_failed)
		printk("%s could not register again: half dead\n", u->name);
	u->report.rolled_back = true;
}

static int owens_unload(struct unload *u, int (*handwaving)(struct unload *u))
{
	int err;

	err = look_locked(u);			/* "Check usecount == 0" */
	if (err)
		return err;
	if (!u->mod->unregister || !u->mod->reregister) {
		snprintf(u->report.error, sizeof(u->report.error),
		         "%s: its clean-up is not split in two; it needs module_unregister() and "
		         "module_reregister()", u->name);
		return -ENOTSUP;
	}
	err = unregister(u);			/* "Call module unregister routine" */
	if (err)
		return err;
	err = handwaving(u);			/* "<handwaving>" */
	if (!err)
		err = look_locked(u);		/* "Check the usecount again" */
	err = delayed_delete(u, err);		/* "Either mark the module for delayed delete, */
	if (err) {
		reactivate(u);			/*  or reactivate the module" */
		return err;
	}
	cleanup_module(u);			/* "call the final module clean up routine" */
	remove_module(u);			/* "Then (and only then)" */
	return 0;
}

/* -- the candidates ----------------------------------------------------------------- */

static int wave_ticks(struct unload *u)
{
	(void)u;
	sleep_ns(nr_cpus * (NSEC_PER_SEC / HZ));
	return 0;
}

static int wave_freezer(struct unload *u)
{
	int err = freeze_at_safe_points(u->deadline);

	if (err)
		snprintf(u->report.error, sizeof(u->report.error),
		         "%s: somebody does not come to the refrigerator; still live", u->name);
	else
		thaw_tasks();
	return err;
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static void stop_task(void *arg)
{
	*(int *)arg = stop_machine(nothing, NULL);
}

static int wave_stop(struct unload *u)
{
	int ret = 0;
	struct task *t = task_create("krmmod", PRIO_TOP, stop_task, &ret);

	(void)u;
	if (IS_ERR(t))
		return PTR_ERR(t);
	while (task_join(t, WAIT_FOREVER))
		;
	task_put(t);
	return ret;
}

static int wave_grace(struct unload *u)
{
	(void)u;
	grace_wait();
	return 0;
}

static int unload_ticks(struct unload *u)   { return owens_unload(u, wave_ticks); }
static int unload_freezer(struct unload *u) { return owens_unload(u, wave_freezer); }
static int unload_stop(struct unload *u)    { return owens_unload(u, wave_stop); }
static int unload_grace(struct unload *u)   { return owens_unload(u, wave_grace); }

#define SOURCE "Keith Owens, linux-kernel, July 2002"
#define GIST   "unregister, wave hands, count again; re-register or clean up and free"

const struct strategy owens_strategy = {
	.name = "owens", .source = SOURCE "; handwaving: grace period", .gist = GIST,
	.module_bytes = USE_COUNT_BYTES,
	.unload = unload_grace,
};
const struct strategy owens_ticks_strategy = {
	.name = "owens-ticks", .source = SOURCE "; handwaving: timer ticks", .gist = GIST,
	.module_bytes = USE_COUNT_BYTES,
	.unload = unload_ticks,
};
const struct strategy owens_freezer_strategy = {
	.name = "owens-freezer", .source = SOURCE "; handwaving: the freezer", .gist = GIST,
	.module_bytes = USE_COUNT_BYTES,
	.turnstile = &freezer_turnstile, .unload = unload_freezer,
};
const struct strategy owens_stop_strategy = {
	.name = "owens-stop", .source = SOURCE "; handwaving: the stopped machine", .gist = GIST,
	.module_bytes = USE_COUNT_BYTES,
	.unload = unload_stop,
};
