#include "unload/steps.h"
#include "entry/call_check.h"
#include "entry/chrdev.h"
#include "entry/news.h"
#include "entry/thread.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "module/loading.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "sched/way_out.h"
#include "smp/ipi.h"
#include "unload/graveyard.h"
#include "unload/holders.h"
#include "unload/remove.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/symbols.h"

#define BACKOFF_FIRST_NS (50 * NSEC_PER_USEC)
#define BACKOFF_LAST_NS  (10 * NSEC_PER_MSEC)

/* -- 1 --------------------------------------------------------------------- */

/* Opens wait at the gate first, but for those of holders, so once the count of files is
 * zero it stays zero; only then is the module GOING, which those inside would notice. All
 * files are released by then, in a module that was whole. */
int unload_begin(struct unload *u)
{
	struct owner *o = &u->mod->owner;
	int err;

	owner_set_draining(o, true);
	sync_point("unload:draining");
	err = holders_wait(u);
	if (!err)
		owner_set_state(o, OWNER_GOING);
	owner_set_draining(o, false);
	return err;
}

/* -- 2 --------------------------------------------------------------------- */

/* Threads go last: closed entry points cannot start new work for them, and
 * those that sleep are woken by the same look at the gate. */
void unload_close_entries(struct unload *u)
{
	struct owner *o = &u->mod->owner;

	entries_close(o);
	sync_point("unload:closed");
	owner_stop_threads(o);
}

/* -- 5 --------------------------------------------------------------------- */

/* Where a task was found, over all tries: a place where it is for certain is kept
 * rather than a word that may be stale. NULL: there is no room for it. */
static struct unload_insider *entry_for(struct unload_report *r, const struct task *t)
{
	u32 n = MIN(r->nr_insiders, (u32)ARRAY_SIZE(r->insider));

	for (u32 i = 0; i < n; i++) {
		if (r->insider[i].task_id == t->id)
			return &r->insider[i];
	}
	r->nr_insiders++;
	if (n == ARRAY_SIZE(r->insider))
		return NULL;
	r->insider[n] = (struct unload_insider){ .task_id = t->id, .possible = true };
	return &r->insider[n];
}

static void report_insider(struct unload *u, const struct insider *in)
{
	struct unload_insider *out = entry_for(&u->report, in->task);

	if (!out || (!in->certain && (out->where[0] || !out->possible)))
		return;
	out->in_core = in->in_core;
	strlcpy(out->task_name, in->task->name, sizeof(out->task_name));
	out->cpu = in->cpu;
	out->offset = in->offset;
	out->possible = !in->certain && !in->in_core;
	if (in->in_core)
		strlcpy(out->where, "the end of a file that was cut off, in the core", sizeof(out->where));
	else
		symbolise(u->mod->owner.base + in->offset, out->where, sizeof(out->where));
}

/* Of those who are inside now, the first one whose place is known for certain;
 * else the first. NULL: nobody, or nobody that was noted. */
static const struct unload_insider *whom_to_name(const struct unload_report *r,
                                                 const struct inspection *in)
{
	const struct unload_insider *name = NULL;

	for (u32 i = 0; i < MIN(in->nr_insiders, (u32)MAX_INSIDERS); i++) {
		for (u32 k = 0; k < MIN(r->nr_insiders, (u32)ARRAY_SIZE(r->insider)); k++) {
			const struct unload_insider *e = &r->insider[k];
			if (e->task_id == in->insider[i].task->id && (!name || (name->possible && !e->possible)))
				name = e;
		}
	}
	return name;
}

/* Looks were made, and each was void. */
static void say_what(struct unload *u, const struct inspection *in, const char *live)
{
	struct unload_report *r = &u->report;
	u32 size = sizeof(r->error), len;
	struct file_holder h;

	len = (u32)snprintf(r->error, size, "%s: did not come to rest in time: ", u->mod->owner.name);
	if (owner_file_holder(&u->mod->owner, &h))
		snprintf(r->error + len, size - len, "a file of task %u (%s) has not ended%s", h.task_id, h.task_name, live);
	else if (in->epoch_changed)
		snprintf(r->error + len, size - len, "its records were used during each look%s", live);
	else
		snprintf(r->error + len, size - len, "%u running tasks did not answer a look%s", in->nr_unseen, live);
}

/* The text of a failure at step 5. */
static int say_who(struct unload *u, const struct inspection *in, int err)
{
	struct unload_report *r = &u->report;
	const struct unload_insider *who = whom_to_name(r, in);
	const char *name = u->mod->owner.name, *live = u->mod->failed ? "" : "; still live";
	u32 cpu = 0;

	if (who) {
		snprintf(r->error, sizeof(r->error), "%s: task %u (%s) is %s, at %s%s%s",
		         name, who->task_id, who->task_name,
		         who->in_core ? "in the way" : who->possible ? "possibly inside" : "inside", who->where, in->nr_insiders > 1 ? ", and others" : "", live);
	} else if (in->silent) {
		for_each_cpu_in(cpu, in->silent)
			break;
		snprintf(r->error, sizeof(r->error),
		         "%s: CPU %u does not answer interrupts%s", name, cpu, live);
	} else {
		say_what(u, in, live);
	}
	return err;
}

/* Below the asker, or insiders that spin on every CPU would keep it from ever looking again. */
static void move_to_front(const struct inspection *in)
{
	for (u32 i = 0; i < MIN(in->nr_insiders, MAX_INSIDERS); i++)
		task_boost(in->insider[i].task, PRIO_INSIDER);
}

/* Undoes move_to_front(). */
static void move_back(const struct inspection *in)
{
	for (u32 i = 0; i < MIN(in->nr_insiders, MAX_INSIDERS); i++)
		task_unboost(in->insider[i].task, PRIO_INSIDER);
}

/* Another look would find the same words on the same stacks before all insiders have run,
 * and it costs them what they lack. On a busy host it can keep them inside for good:
 *
 *	CPU 0 (asker)			CPU 1 (an emulator's thread, mostly waiting)
 *	trap
 *					parks; A, inside, is next to run here
 *	end of the trap
 *	pause
 *	trap				runs for a moment: parks again
 *
 * The asker runs before all others. To ask the gates at the begin of a sleep takes longer the more callers
 * there are on its stack and the more modules there are; if that takes longer than the pause, it does not sleep
 * at all, and an insider on the same CPU never runs. So each pause is twice the last.
 */
static int wait_until_they_have_run(const struct unload *u, const struct inspection *in, u64 pause)
{
	int err;

	do {
		err = sleep_interruptible_ns(pause);
		pause = MIN(2 * pause, BACKOFF_LAST_NS);
	} while (err != -EINTR && !insiders_have_run(in) && !clock_passed(u->deadline));
	return err;
}

int help_insiders_out(struct unload *u, struct inspection *in)
{
	struct owner *o = &u->mod->owner;
	u64 pause = MIN(BACKOFF_FIRST_NS << MIN(u->report.tries, 10u), BACKOFF_LAST_NS);

	for (u32 i = 0; i < MIN(in->nr_insiders, MAX_INSIDERS); i++) {
		report_insider(u, &in->insider[i]);
		if (in->insider[i].task == current)
			return say_who(u, in, -EDEADLK);
	}
	/* At least twice: who was sent home by the first look has to get there. */
	if (clock_passed(u->deadline) && u->report.tries > 1)
		return say_who(u, in, u->flags & UNLOAD_WAIT ? -ETIMEDOUT : -EBUSY);

	sync_point("unload:retry");
	/* The asker first, and until they are back: as many as there are CPUs may be
	 * inside and not let go of them, and nobody would look at the deadline (hazard C19). */
	task_boost(current, PRIO_TOP);
	move_to_front(in);
	wait_recheck_since(o->base, o->size, o->generation);
	int err = wait_until_they_have_run(u, in, pause);
	move_back(in);
	task_unboost(current, PRIO_TOP);
	if (err == -EINTR) {
		snprintf(u->report.error, sizeof(u->report.error),
		         "%s: the unload was interrupted; still live", o->name);
		return err;
	}
	return 0;
}

void unload_roll_back(struct unload *u)
{
	/* LIVE first: a thread that starts again may arm and queue at once. */
	owner_set_state(&u->mod->owner, OWNER_LIVE);
	entries_reopen(&u->mod->owner);
	u->report.rolled_back = true;
	sync_point("unload:rolled-back");
}

/* -- 6 --------------------------------------------------------------------- */

void note_forgotten(struct entry *e, void *ctx)
{
	struct unload_report *r = ctx;
	u32 len = strlen(r->forgotten_names);

	r->forgotten++;
	snprintf(r->forgotten_names + len, sizeof(r->forgotten_names) - len, "%s%s %s",
	         len ? ", " : "", e->ops->kind, e->name);
}

/* All that an exit is needed for is to leave the hardware silent. One that does not return
 * is left behind: nobody is in the module but this task, and the core takes back the rest. */
static void bounded_exit(struct unload *u)
{
	struct module *m = u->mod;
	u64 patience = u->patience_ns ? u->patience_ns : UNLOAD_PATIENCE_NS;
	struct call_check c = call_check_begin();
	struct way_out w;

	if (call_with_way_out((void (*)(void *))m->exit, NULL, m->owner.base, m->owner.size, patience, &w))
		(void)call_check_end(c, "exit", m->exit);
	else
		symbolise(w.left_at, u->report.exit_left_at, sizeof(u->report.exit_left_at));
}

void unload_run_exit(struct unload *u, bool bounded)
{
	struct module *m = u->mod;

	sync_point("unload:committed");
	u->report.has_exit = m->exit != NULL;
	if (!m->exit)
		return;
	owner_set_exiting(&m->owner, current);
	if (bounded)
		bounded_exit(u);
	else
		m->exit();
	owner_set_exiting(&m->owner, NULL);
}

void unload_finish(struct unload *u)
{
	struct module *m = u->mod;
	struct freed_image kept = { 0 };
	cpumask_t silent = 0;

	entries_unlink(&m->owner, note_forgotten, &u->report);
	u->report.forgotten_allocs = m->nr_allocs;
	u->report.forgotten_bytes = m->alloc_bytes;

	if (m->owner.stays) {
		if (m->loaded_at)
			module_news(OWNER_GONE, m->owner.name);
		module_forget(m);
		u->report.leaked = m->owner.size;
		u->mod = NULL;
		leave_behind(m, true);
		return;
	}
	/* The grave is dug before the pages go: the first late use may come at once. */
	u64 grave = graveyard_dig(m, current->name, u->strategy->name);
	module_unmap(m, graveyard_laboratory ? &kept : NULL, &silent);
	graveyard_fill(grave, &kept);
	u->mod = NULL;
	if (silent) {
		printk("unload: CPUs %llx did not drop %s from their TLBs; its memory stays set aside\n",
		       silent, m->owner.name);
		leave_behind(m, false);		/* they may stand at a record of it, too */
		return;
	}
	entries_free(&m->owner);
	module_free(m);
}
