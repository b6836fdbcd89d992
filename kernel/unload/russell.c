/* russell: stop the machine, so that the count cannot move while it is looked at.
 *
 * Who:    Rusty Russell, "[PATCH 2/2] Module removal to use kthread", 30 Jan 2004, seed
 *         003 (Linux 2.6). Names in capitals are the patch's.
 * Assumes that the core counts for the module: a user is got, on this CPU's count,
 *         before the module's open() and put after its release() (try_module_get(),
 *         module_put() of 2.6); that all other ways in end with the module's exit; and
 *         that every CPU can be made to run a thread soon.
 * Leaves open: nobody inside is looked for. Whoever is in the module without a count
 *         (interrupts, timers, threads) is the driver author's to wait for. One CPU that
 *         does not come holds up all, interrupts off.
 *
 *   CPU 0 (krmmod)                     CPU 1
 *                                      try_module_get(): live? yes
 *   wants to stop CPU 1                (its stopper has to wait: preemption is off)
 *                                      count + 1
 *   stopped: count is 1, -EWOULDBLOCK
 */
#include "entry/turnstile.h"
#include "lib/errno.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "unload/counts.h"
#include "unload/holders.h"
#include "unload/init_section.h"
#include "unload/remove.h"
#include "unload/stop_machine.h"
#include "x86/panic.h"

static bool try_module_get(struct owner *o)
{
	if (o->marked)
		return false;
	count_entrance(o->slot);
	return true;
}

static void module_put(struct owner *o)
{
	count_exit(o->slot);
	if (o->marked)
		wake_all(&o->gate);		/* mod->waiter */
}

static u32 module_refcount(struct unload *u) { return count_inside(u->mod->owner.slot); }

/* `users`: as counted while the machine was stopped. */
struct krmmod { struct unload *u; u32 users; bool forced; int ret; };

/* O_NONBLOCK is rmmod without -w, O_TRUNC is rmmod -f. */
static int try_stop_module_local(void *arg)
{
	struct krmmod *k = arg;
	struct unload *u = k->u;

	k->users = module_refcount(u);
	if (!(u->flags & UNLOAD_WAIT) && k->users != 0) {
		k->forced = u->flags & UNLOAD_FORCE;
		if (!k->forced)
			return -EWOULDBLOCK;
		kernel_taint |= TAINT_FORCED_UNLOAD;
	}
	WRITE_ONCE(u->mod->owner.marked, true);		/* MODULE_STATE_GOING */
	return 0;
}

static void krmmod(void *arg)
{
	struct krmmod *k = arg;

	k->ret = stop_machine(try_stop_module_local, k);
}

static int try_stop_module(struct unload *u, bool *forced, u32 *users)
{
	struct krmmod k = { .u = u };
	struct task *t = task_create("krmmod", PRIO_TOP, krmmod, &k);

	if (IS_ERR(t))
		return PTR_ERR(t);
	while (task_join(t, WAIT_FOREVER))
		;
	task_put(t);
	*forced = k.forced;
	*users = k.users;
	u->report.tries++;
	return k.ret;
}

/* The patch waits for ever. A deadline, and the death of the asker, belong to the
 * request: then the module is live again. */
static int wait_for_zero_refcount(struct unload *u)
{
	struct owner *o = &u->mod->owner;
	int err = wait_event_until(&o->gate, !module_refcount(u), u->deadline);

	if (err)
		owner_set_marked(o, false);
	return err;
}

static int russell_unload(struct unload *u)
{
	bool forced = false;
	u32 users = 0;
	int err;

	err = look_at_dependents(u);
	if (!err)
		err = look_for_exit(u);
	if (err)
		return err;
	err = try_stop_module(u, &forced, &users);
	if (!err && !forced && module_refcount(u) != 0)		/* never wait if forced */
		err = wait_for_zero_refcount(u);
	if (err)
		return users ? say_in_use(u, users, err) : err;
	cleanup_module(u);
	remove_module(u);
	return 0;
}

static const struct turnstile counted = { .get = try_module_get, .put = module_put };

const struct strategy russell_strategy = {
	.name   = "russell",
	.source = "Rusty Russell, Linux 2.6, 30 Jan 2004",
	.gist   = "stop every CPU with interrupts off, look at the core's count, mark it going",
	.turnstile = &counted,
	.module_bytes = sizeof_field(struct owner, marked),
	.module_cpu_bytes = sizeof(struct count),
	.init_done = free_init,
	.unload = russell_unload,
};
