/* Cutting files off while the module is whole: LIVE, with its entry points open. Each file is
 * released in a context where release() may do all that it may do at a close: the task whose
 * call was in progress, or a task of the core created for it. The unload only waits. */
#include "entry/device.h"
#include "entry/leavers.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "smp/ipi.h"
#include "x86/clock.h"
#include "x86/console.h"

#define ROUND_NS     (2000 * NSEC_PER_MSEC)
#define TAKE_BACK_NS (1000 * NSEC_PER_MSEC)

/* -- 1: calls lead nowhere --------------------------------------------------------- */

/* Caller holds registry_lock. */
static void cut(struct file *f)
{
	f->cut = true;
	f->watched = true;
	WRITE_ONCE(f->to, &leads_nowhere);
	file_unlink(f);
	file_move(f, FILES_CUT);
}

/* Does it to a few files in `from`; how many. */
static u32 some_files(struct owner *o, u32 from, void (*deal_with)(struct file *f))
{
	u32 n = 0, flags = spin_lock_irqsave(&registry_lock);
	struct chrdev *d;

	for_each_device_of(d, o)
		for (; n < FILES_AT_ONCE && !list_empty(&d->files[from]); n++)
			deal_with(list_first(&d->files[from], struct file, node));
	spin_unlock_irqrestore(&registry_lock, flags);
	return n;
}

/* -- 2: which files are in a call? --------------------------------------------------- */

/* What each CPU stored before it saw a file cut off is visible afterwards (file.c draws it). One
 * that is late, as on a busy host, is asked again. May sleep. */
static int all_cpus_have_seen(void)
{
	return smp_fence_until(clock_ns() + ROUND_NS) ? -EIO : 0;
}

static void sort_out(struct file *f)
{
	bool in_call = READ_ONCE(f->calls);

	if (in_call)
		file_set_busy(f);
	file_move(f, in_call ? FILES_REST : FILES_IDLE);
}

/* -- 3: release ------------------------------------------------------------------------ */

/* A task of the core that releases idle files. */
struct releaser {
	/* Fixed. */
	struct task *task;
	/* Under registry_lock. */
	struct list node;		/* in releasers */
	struct owner *owner;		/* at the gate of this one; NULL: in release() */
};

static struct list releasers = LIST_INIT(releasers);

/* Claims an idle file and leaves the gate of the owner, which may be freed once release() has
 * unregistered its devices. A late call (to a stub) may be in progress on the file: then the
 * end of that call releases it. */
static struct file *claim_idle(struct releaser *r, release_fn *release)
{
	struct owner *o = r->owner;
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct file *f, *found = NULL;
	struct chrdev *d;

	for_each_device_of(d, o)
		while (!found && !list_empty(&d->files[FILES_IDLE])) {
			f = list_first(&d->files[FILES_IDLE], struct file, node);
			if (file_claim_end(f, release))
				found = f;
			else
				file_move(f, FILES_REST);
		}
	r->owner = NULL;
	owner_gate_leave_locked(o);
	spin_unlock_irqrestore(&registry_lock, flags);
	return found;
}

/* As file_ended(). True: the owner still exists, and the caller keeps it by its gate. */
static bool ended_at_gate(struct releaser *r, struct file *f)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct owner *o = f->counted ? f->dev->e.owner : NULL;

	if (o)
		owner_gate_enter(o);
	r->owner = o;
	bool dead = file_set_ended(f);
	spin_unlock_irqrestore(&registry_lock, flags);
	if (dead)
		file_free(f);
	return o != NULL;
}

/* One file. A separate function, so that no address of the module remains on the stack of the
 * resting task. */
static noinline struct file *release_next(struct releaser *r)
{
	release_fn release;
	struct file *f = claim_idle(r, &release);

	if (f)
		file_release(f, release);
	return f;
}

/* A task of the core. It starts at the gate of the owner, which keeps that from being freed. */
static void releaser(void *arg)
{
	struct releaser *r = arg;
	struct file *f;

	sync_point("file:releaser");
	do {
		f = release_next(r);
		wipe_dead_stack();
	} while (f && ended_at_gate(r, f));
	u32 flags = spin_lock_irqsave(&registry_lock);
	list_del(&r->node);
	spin_unlock_irqrestore(&registry_lock, flags);
	kfree(r);
}

/* Not started, and at the gate of `o`; or an error. */
static struct task *new_releaser(struct owner *o)
{
	char name[TASK_NAME_LEN];
	struct releaser *r = kzalloc(sizeof(*r));
	struct task *t;

	if (!r)
		return ERR_PTR(-ENOMEM);
	snprintf(name, sizeof(name), "release/%s", o->name);
	t = task_create_stopped(name, PRIO_NORMAL, releaser, r);
	if (IS_ERR(t)) {
		kfree(r);
		return t;
	}
	r->task = t;
	r->owner = o;
	u32 flags = spin_lock_irqsave(&registry_lock);
	list_add_tail(&releasers, &r->node);
	owner_gate_enter(o);
	spin_unlock_irqrestore(&registry_lock, flags);
	return t;
}

static void start_and_forget(struct task *t)
{
	task_start(t);
	task_put(t);
}

/* -- all of it --------------------------------------------------------------------------- */

int owner_cut_files(struct owner *o, u32 *nr)
{
	struct task *t;
	u32 n;
	int err;

	if (!owner_open_files(o))
		return 0;
	t = new_releaser(o);
	if (IS_ERR(t))
		return PTR_ERR(t);
	while ((n = some_files(o, FILES_USED, cut)))
		*nr += n;
	err = all_cpus_have_seen();
	while (!err && some_files(o, FILES_CUT, sort_out))
		;
	/* Calls may sleep anywhere, in another module too. */
	if (!err)
		wait_recheck_range(0, ~0u);
	start_and_forget(t);
	return err;
}

int owner_wait_files(struct owner *o, u64 quiet, u64 deadline)
{
	u32 seen;
	int err;

	do {
		seen = READ_ONCE(o->files_ended);
		err = wait_event_until(&o->gate, !READ_ONCE(o->nr_files),
		                       quiet == WAIT_FOREVER ? deadline : MIN(clock_ns() + quiet, deadline));
	} while (err == -ETIMEDOUT && READ_ONCE(o->files_ended) != seen && !clock_passed(deadline));
	return err == -EINTR || !err ? err : -ETIMEDOUT;
}

static bool has_idle(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct chrdev *d;
	bool idle = false;

	for_each_device_of(d, o)
		idle |= !list_empty(&d->files[FILES_IDLE]);
	spin_unlock_irqrestore(&registry_lock, flags);
	return idle;
}

static bool add_leaver(struct task *t, struct task **who, u32 n, u32 max)
{
	if (n == max)
		return false;
	task_get(t);
	who[n] = t;
	return true;
}

/* A file's user is there: before it ends it takes registry_lock, at the end of its call or of release(). */
u32 owner_leavers(struct owner *o, struct task **who, u32 max)
{
	u32 n = 0, flags = spin_lock_irqsave(&registry_lock);
	struct releaser *r;
	struct chrdev *d;
	struct file *f;

	for_each_device_of(d, o)
		list_for_each(f, &d->files[FILES_REST], node)
			n += add_leaver(f->user, who, n, max);
	list_for_each(r, &releasers, node)
		if (r->owner == o)
			n += add_leaver(r->task, who, n, max);
	spin_unlock_irqrestore(&registry_lock, flags);
	return n;
}

void owner_help_release(struct owner *o)
{
	struct task *t = has_idle(o) ? new_releaser(o) : NULL;

	if (t && !IS_ERR(t))
		start_and_forget(t);
}

/* -- one ------------------------------------------------------------------------------------ */

/* Cuts it off. Returns its owner, kept by its gate; NULL: nothing to release, or its end is
 * another's. */
static struct owner *cut_one(struct file *f)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct owner *o = f->counted && f->state == FILE_OPEN && !f->cut ? f->dev->e.owner : NULL;

	if (o) {
		cut(f);
		file_move(f, FILES_IDLE);
		owner_gate_enter(o);
	}
	spin_unlock_irqrestore(&registry_lock, flags);
	return o;
}

/* The module that opened it is gone, so none of its calls is in progress. */
void file_take_back(struct file *f)
{
	struct owner *o = cut_one(f);
	struct task *t;

	if (o) {
		t = new_releaser(o);
		owner_gate_leave(o);
		if (!IS_ERR(t))
			start_and_forget(t);
	}
	if (wait_event_core(&file_ends, READ_ONCE(f->state) == FILE_RELEASED, clock_ns() + TAKE_BACK_NS))
		printk("file %s, left open by %s: release() of its driver does not return; it is left to it\n",
		       f->e.name, f->e.owner->name);
}
