/* rmmod -r and -f: open files are cut off and released. */
#include "unload/cut_off.h"
#include "entry/chrdev.h"
#include "entry/leavers.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "sched/sync.h"
#include "sched/wait.h"
#include "unload/inspect.h"
#include "unload/steps.h"
#include "x86/clock.h"
#include "x86/console.h"

/* No file has ended for so long: the tasks in the way may need help. */
#define QUIET_NS    (2 * NSEC_PER_MSEC)
/* Tasks that call release(), when those at work are stuck. */
#define MAX_HELPERS 8u

/* Of the tasks found inside, keeps those that hold up the release: threads of the module do not. */
static void keep_those_who_leave(struct inspection *in)
{
	u32 kept = 0, n = MIN(in->nr_insiders, (u32)MAX_INSIDERS);

	for (u32 i = 0; i < n; i++) {
		struct insider *who = &in->insider[i];

		if (who->task == current || owner_is_left_by(in->owner, who->task))
			in->insider[kept++] = *who;
		else
			task_put(who->task);
	}
	in->nr_insiders = kept;
}

/* A task may hold up a release from the core's part of a call, before or behind the driver's function: no
 * word on its stack tells. On a busy machine it waits for a CPU there, and so does a task that is to call
 * release() and has not run yet. */
static void add_leavers(struct inspection *in)
{
	struct task *t[MAX_INSIDERS];
	u32 n = owner_leavers(in->owner, t, MAX_INSIDERS);

	for (u32 i = 0; i < n; i++)
		inspection_add(in, t[i]);
}

/* Gives them the CPU; names them when the deadline has passed. */
static int help_them(struct unload *u, struct inspection *in)
{
	inspection_begin(in);
	(void)!census_look(in);
	keep_those_who_leave(in);
	add_leavers(in);
	in->silent = 0;		/* this look commits nothing */
	return help_insiders_out(u, in);
}

static int say_why(struct unload *u, int err)
{
	snprintf(u->report.error, sizeof(u->report.error), "%s: %s", u->name,
	         err == -ENOMEM ? "no memory for the task that releases its open files" :
	                          "a CPU does not answer interrupts, so its open files were not released");
	return err;
}

/* A CPU that is late has to be asked again (hazard C19). */
static int cut_all(struct unload *u)
{
	int err;

	do {
		err = owner_cut_files(&u->mod->owner, &u->report.revoked);
	} while (err == -EIO && !clock_passed(u->deadline));
	return err ? say_why(u, err) : 0;
}

static int wait_for_releases(struct unload *u)
{
	struct owner *o = &u->mod->owner;
	uninitialized struct inspection in;
	u32 helpers = 0;
	int err = 0;

	inspection_init(&in, u);
	while (!err && owner_open_files(o)) {
		/* Opened since, in a release(). */
		if (owner_has_uncut(o))
			err = cut_all(u);
		if (err)
			break;
		if (helpers++ < MAX_HELPERS)
			owner_help_release(o);
		err = help_them(u, &in);
	}
	inspection_end(&in);
	return err;
}

/* All that had the module open are about to run at once, and as many as there are CPUs may spin inside: the
 * asker goes first until its unload has ended, or its patience goes by in a run queue. */
static void go_first(struct unload *u)
{
	task_boost(current, PRIO_TOP);
	u->report.goes_first = true;
}

void cut_off_ended(struct unload *u)
{
	if (u->report.goes_first)
		task_unboost(current, PRIO_TOP);
	u->report.goes_first = false;
}

static int cut_and_wait(struct unload *u)
{
	int err = cut_all(u);

	if (err)
		return err;
	sync_point("unload:cut-off");
	if (!owner_wait_files(&u->mod->owner, QUIET_NS, u->deadline))
		return 0;
	err = wait_for_releases(u);
	u->report.rolled_back = err && u->report.revoked;
	return err;
}

int cut_files_off(struct unload *u)
{
	int err;

	if (!owner_open_files(&u->mod->owner))
		return 0;
	go_first(u);
	err = cut_and_wait(u);
	if (!u->report.revoked)
		cut_off_ended(u);
	return err;
}

u64 late_release_end(const struct unload *u)
{
	return clock_ns() + MAX(u->patience_ns, UNLOAD_PATIENCE_NS);
}

/* Files in a call count as well, although no release() of theirs is due yet: the end of the call
 * makes it due, and behind the commit it is a task of the core that has to release them. */
void release_files_late(struct unload *u)
{
	u64 until = late_release_end(u);
	struct owner *o = &u->mod->owner;
	u32 nr = 0;
	int err = owner_cut_files(o, &nr);

	sync_point("unload:late-release");
	while (owner_open_files(o) && !clock_passed(until)) {
		if (err)
			err = owner_cut_files(o, &nr);
		if (owner_wait_files(o, QUIET_NS, until))
			owner_help_release(o);
	}
	o->stays = owner_open_files(o) != 0;
	if (o->stays)
		printk("%s: a call on an open file or its release() does not return; the module's memory stays set aside\n",
		       u->name);
}
