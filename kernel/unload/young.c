/* young: entrances and exits, counted apart on each CPU.
 *
 * Who:    a reply on tech-kern (NetBSD), June 2016, seed 004, to Paul Goyette's question
 *         how a driver can be "_really_ safely detached".
 * Assumes that all come in by open(), which counts the entrance before it takes the
 *         mutex, and the exit before it releases it.
 * Leaves open: by the author's word, "a fatal flaw" that he feels sure he overlooked. It
 *         has to do with all that is not open(): calls on a file that is open, interrupts,
 *         timers, threads. Where the mutex and the counts lie, if the module's memory goes:
 *         here in the core, which the mail does not say. And whether one instruction
 *         that raises the entrance count is seen in time by who sums: in open() the
 *         mutex sees to that.
 *
 * Our extension: every call into the module is counted, not open() alone. There is no
 * mutex on those ways, so after the entry points are unlinked each CPU is interrupted once:
 *
 *   CPU 0 (unload)                     CPU 1 (file_read)
 *                                      entrances + 1 (in its store buffer)
 *   unlinks the entry points           reads the driver's function: still there
 *   (without the interrupt: 0 inside)
 *   interrupts CPU 1, which makes the
 *   entrance visible: 1 inside, waits
 * and whoever raises it later finds the stub.
 */
#include "entry/entry.h"
#include "entry/turnstile.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "sched/mutex.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "smp/ipi.h"
#include "unload/counts.h"
#include "unload/remove.h"
#include "unload/cut_off.h"
#include "unload/steps.h"
#include "x86/clock.h"
#include "x86/console.h"

static struct door {
	struct mutex mutex;
	struct wait_queue condition;	/* C */
	bool unloading;			/* under mutex */
} doors[MAX_OWNERS + 1];		/* by slot */

/* -- thread 2 attempts to open the device ------------------------------------------ */

static void signal(u32 slot)
{
	if (READ_ONCE(doors[slot].unloading))
		wake_all(&doors[slot].condition);
}

static void open_leave(u32 slot)
{
	count_exit(slot);			/* 4) increases module-exit count */
	signal(slot);
	mutex_unlock(&doors[slot].mutex);	/* 5) releases mutex */
}

static bool open_enter(u32 slot)
{
	count_entrance(slot);			/* 1) increases module-entrance count */
	mutex_lock(&doors[slot].mutex);		/* 2) acquires mutex */
	if (!doors[slot].unloading)		/* 3) examines unloading flag */
		return true;			/*    b) performs open */
	open_leave(slot);			/*    a) signals C, ... */
	return false;
}

/* Our extension: all other calls. */
static void leave(u32 slot)
{
	count_exit(slot);
	signal(slot);
}

/* -- thread 1 initiates a module unload -------------------------------------------- */

static void look_up(void *arg, const struct regs *regs, u32 sp)
{
	(void)arg, (void)regs, (void)sp;
}

static void unlink_entry_points(struct unload *u)
{
	owner_set_marked(&u->mod->owner, true);	/* who meets a stub is turned away, not kept */
	entries_close(&u->mod->owner);
	if (smp_call_until(cpus_others(), look_up, NULL, clock_ns() + NSEC_PER_SEC))
		u->report.tries++;		/* somebody is late; his counts are in memory soon */
}

static void link_entry_points(struct unload *u)
{
	owner_set_marked(&u->mod->owner, false);
	entries_reopen(&u->mod->owner);
}

/* Sleeps on C, "thus temporarily releasing mutex". The mail knows no deadline; it is
 * the request's, and then the module is as before. */
static int wait_until_left(struct unload *u, struct door *d)
{
	u32 slot = u->mod->owner.slot;

	mutex_unlock(&d->mutex);
	int err = wait_event_until(&d->condition, !count_inside(slot), u->deadline);
	mutex_lock(&d->mutex);
	if (err)
		snprintf(u->report.error, sizeof(u->report.error),
		         "%s: %u are inside; still live", u->name, count_inside(slot));
	return err;
}

/* Files are not in the mail. They are released late, and each release() is a call that is
 * counted; one that has unregistered its device is in no list any more, but still inside. */
static void release_files(struct unload *u, struct door *d)
{
	struct owner *o = &u->mod->owner;
	u64 until = late_release_end(u);

	d->unloading = true;			/* a task that leaves signals C */
	release_files_late(u);
	(void)!smp_call_until(cpus_others(), look_up, NULL, until);
	if (wait_event_core(&d->condition, !count_inside(o->slot), until)) {
		printk("%s: a release() does not return; its memory stays set aside\n", o->name);
		o->stays = true;
	}
	d->unloading = false;
}

static int young_unload(struct unload *u)
{
	struct door *d = &doors[u->mod->owner.slot];
	int err;

	err = look_at_dependents(u);
	if (err)
		return err;
	mutex_lock(&d->mutex);			/* 1) acquires mutex */
	d->unloading = true;			/* 2) sets the module's unloading flag */
	unlink_entry_points(u);			/* 3) unlinks module entry points */
	err = wait_until_left(u, d);		/* 4) while entrances > exits, sleeps on C */
	d->unloading = false;			/*    (for the next one in this slot) */
	if (err)
		link_entry_points(u);
	mutex_unlock(&d->mutex);		/* 5) releases mutex */
	if (err)
		return err;
	owner_set_state(&u->mod->owner, OWNER_GONE);
	release_files(u, d);
	unload_run_exit(u, false);
	unload_finish(u);			/* 6) unmaps module */
	return 0;
}

static void prepare(void)
{
	for (u32 i = 0; i <= MAX_OWNERS; i++) {
		if (doors[i].mutex.queue.name)
			return;
		mutex_init(&doors[i].mutex, "module door");
		wait_queue_init(&doors[i].condition, "module left");
	}
}

static const struct turnstile counted = {
	.open_enter = open_enter, .open_leave = open_leave,
	.enter = count_entrance, .leave = leave,
};

const struct strategy young_strategy = {
	.name   = "young",
	.source = "tech-kern, June 2016; beyond open(): our extension",
	.gist   = "count entrances and exits on each CPU, sleep until they are equal",
	.turnstile = &counted,
	.module_bytes = sizeof(struct door) + sizeof_field(struct owner, marked),
	.module_cpu_bytes = sizeof(struct count),
	.prepare = prepare,
	.unload = young_unload,
};
