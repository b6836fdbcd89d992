/* The end of a failed load. Init may have registered entry points, so tasks may be inside by now
 * (hazard C2). The module cannot be rolled back: it is taken out however long that takes. The
 * loader cannot do this, since it may be killed, and the sleeps of a killed task end at once. The
 * reaper does: a task of the core, which needs no memory that it does not have from boot on.
 *
 *   CPU 0 (insmod)                     CPU 1 (reaper)
 *   init: -EIO; FAILED
 *   waits, for so long, or killed      files are cut off and released, doors closed
 *                                      somebody inside: says who, tries again later
 *   returns init's error
 *                                      nobody inside: out
 *
 * Its providers stay pinned until then: tasks inside may call them. */
#include "unload/failed_load.h"
#include "entry/entry.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "unload/cut_off.h"
#include "unload/steps.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/panic.h"
#include "x86/trap.h"

#define TRY_NS          (200 * NSEC_PER_MSEC)
#define PAUSE_FIRST_NS  (10 * NSEC_PER_MSEC)
#define PAUSE_LAST_NS   (500 * NSEC_PER_MSEC)

u64 failed_load_wait_ns = 10 * NSEC_PER_SEC;

static struct list failed = LIST_INIT(failed);	/* under modules_mutex */
static u64 finishing;				/* off that list, and not gone yet: its id; under modules_mutex */
static u64 last_id;				/* under modules_mutex; does not wrap */
static struct wait_queue reaper_queue = WAIT_QUEUE(reaper_queue, "failed loads");
static struct wait_queue gone = WAIT_QUEUE(gone, "failed load gone");
static bool kicked;
static u32 rounds;				/* the reaper has looked at all of them so often */
static struct unload request;			/* the reaper's */

/* -- the reaper ------------------------------------------------------------------------ */

/* Cut off, drained, closed: as unload_begin() and the rest, each part of it again where the
 * last try got stuck. */
static int make_quiet(struct unload *u)
{
	struct owner *o = &u->mod->owner;
	int err;

	if (o->state == OWNER_COMING) {
		owner_set_draining(o, true);
		err = cut_files_off(u);
		if (err)
			return err;
		owner_set_state(o, OWNER_GOING);
		owner_set_draining(o, false);
	}
	unload_close_entries(u);
	return trap_quiesce(u);
}

static u32 try_from(void *arg, u32 sp)
{
	struct unload *u = arg;

	u->asker_sp = sp;
	int err = make_quiet(u);
	cut_off_ended(u);
	return (u32)err;
}

/* Waiters are woken when all of it is gone. */
static void finish(struct unload *u)
{
	mutex_lock(&modules_mutex);
	list_del(&u->mod->failed_node);
	finishing = u->mod->failed_id;
	mutex_unlock(&modules_mutex);
	unload_finish(u);
	mutex_lock(&modules_mutex);
	finishing = 0;
	mutex_unlock(&modules_mutex);
	modules_changed();
	wake_all(&gone);
}

static void note_why(struct module *m, const struct unload *u)
{
	const char *why = u->report.error;
	u32 len = strlen(u->name);

	/* It is shown beside the name. */
	if (starts_with(why, u->name))
		why += len;
	while (*why == ':' || *why == ' ')
		why++;
	mutex_lock(&modules_mutex);
	strlcpy(m->in_the_way, why, sizeof(m->in_the_way));
	mutex_unlock(&modules_mutex);
}

/* True: it is gone. */
static bool take_out(struct module *m)
{
	struct unload *u = &request;

	memset(u, 0, sizeof(*u));
	strlcpy(u->name, m->owner.name, sizeof(u->name));
	u->mod = m;
	u->flags = UNLOAD_WAIT | UNLOAD_REVOKE;
	u->strategy = &trap_strategy;
	u->start = clock_ns();
	u->deadline = u->start + TRY_NS;
	if (with_registers_on_stack(try_from, u)) {
		note_why(m, u);
		return false;
	}
	finish(u);
	return true;
}

/* The n-th; only the reaper takes one off. */
static struct module *nth_failed(u32 n)
{
	struct module *m, *found = NULL;

	mutex_lock(&modules_mutex);
	list_for_each(m, &failed, failed_node)
		if (!found && !n--)
			found = m;
	mutex_unlock(&modules_mutex);
	return found;
}

/* Those that are left. */
static u32 look_at_all(void)
{
	struct module *m;
	u32 n = 0;

	WRITE_ONCE(kicked, false);
	while ((m = nth_failed(n)))
		n += !take_out(m);
	WRITE_ONCE(rounds, rounds + 1);
	wake_all(&gone);
	return n;
}

static void reaper(void *unused)
{
	u64 pause = PAUSE_FIRST_NS;

	(void)unused;
	current->endless = true;
	for (;;) {
		u64 until = look_at_all() ? clock_ns() + pause : WAIT_FOREVER;

		wipe_dead_stack();
		if (wait_event_core(&reaper_queue, READ_ONCE(kicked), until))
			pause = MIN(2 * pause, PAUSE_LAST_NS);
		else
			pause = PAUSE_FIRST_NS;
	}
}

void failed_load_init(void)
{
	struct task *t = task_create("reaper", PRIO_HIGH, reaper, NULL);

	if (IS_ERR(t))
		panic("no memory for the task that ends failed loads: give the machine more memory");
	task_put(t);
}

static void kick(void)
{
	WRITE_ONCE(kicked, true);
	wake_all(&reaper_queue);
}

/* -- waiting for it ----------------------------------------------------------------------- */

/* Copies why it is there still, if it is. `id` 0: by name. */
static bool is_there(u64 id, const char *name, char *why, u32 size)
{
	struct module *m;
	bool there;

	mutex_lock(&modules_mutex);
	there = finishing && (id ? finishing == id : streq(request.name, name));
	list_for_each(m, &failed, failed_node) {
		if (id ? m->failed_id != id : !streq(m->owner.name, name))
			continue;
		there = true;
		if (why)
			strlcpy(why, m->in_the_way, size);
	}
	mutex_unlock(&modules_mutex);
	return there;
}

void failed_load_take_back(struct module *m)
{
	char name[MODULE_NAME_LEN], why[sizeof(m->in_the_way)];

	strlcpy(name, m->owner.name, sizeof(name));
	mutex_lock(&modules_mutex);
	u64 id = m->failed_id = ++last_id;
	m->failed = m->unloading = true;
	m->unloader_id = 0;
	strlcpy(m->unloader, "reaper", sizeof(m->unloader));
	list_add_tail(&failed, &m->failed_node);
	mutex_unlock(&modules_mutex);
	kick();
	/* Bounded, and ended by a kill: the reaper goes on by itself. */
	if (wait_event_timeout(&gone, !is_there(id, NULL, NULL, 0), READ_ONCE(failed_load_wait_ns)) &&
	    is_there(id, NULL, why, sizeof(why)) && why[0])
		printk("%s: its init failed, and it goes when this has ended: %s\n", name, why);
}

int failed_load_unload(struct unload *u)
{
	u32 seen = READ_ONCE(rounds);
	char why[sizeof(u->mod->in_the_way)];
	int err;

	kick();
	if (u->flags & UNLOAD_WAIT)
		err = wait_event_until(&gone, !is_there(0, u->name, NULL, 0), u->deadline);
	else	/* a round that was under way, and one that began behind the kick */
		err = wait_event_until(&gone, !is_there(0, u->name, NULL, 0) || READ_ONCE(rounds) - seen >= 2,
		                       u->deadline);
	if (!is_there(0, u->name, why, sizeof(why)))
		return 0;
	snprintf(u->report.error, sizeof(u->report.error),
	         "%s: its init failed, and it goes when this has ended: %s", u->name, why[0] ? why : "its clean-up");
	return err ? err : -EBUSY;
}
