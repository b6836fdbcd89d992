/* Open files as holders of a module. */
#include "entry/device.h"
#include "entry/leavers.h"
#include "lib/string.h"
#include "x86/panic.h"

/* -- parties ------------------------------------------------------------------------
 * While an unload waits for holders, opens wait at the gate. A holder passes, since it may need
 * a second file before it can close the first. A party is a process (all its threads) or a
 * kernel task. A file whose release() has begun lets only the task pass that is in it: else
 * the threads of a process keep the module by turns, also where all files are cut off.
 *
 *	thread 1		thread 2		the unload
 *	close: RELEASING
 *							cuts off all that are in use: none
 *				open: its process holds
 *				a file, so it passes
 *	released
 *				close: RELEASING
 *	open: passes		...
 *
 * Under registry_lock. */

#define NR_PARTIES 64u

static struct list parties[NR_PARTIES];

u32 file_party(void)
{
	return current->user ? current->cr3 : current->id;
}

static struct list *party_of(u32 party)
{
	struct list *l = &parties[(party ^ party >> PAGE_SHIFT) % NR_PARTIES];

	if (!l->next)
		list_init(l);
	return l;
}

void file_join_party(struct file *f)
{
	list_add_tail(party_of(f->party), &f->link);
}

bool file_may_join(const struct owner *o, u32 party)
{
	struct list *l = party_of(party);
	struct file *f;

	if (!o->draining)
		return false;
	list_for_each(f, l, link)
		if (f->party == party && f->dev->e.owner == o &&
		    (f->state < FILE_RELEASING || f->user == current))
			return true;
	return false;
}

/* -- calls on files that have been cut off -------------------------------------------
 * At most one per task. Until such a call has returned, the interruptible waits of its task
 * fail with -ENODEV, in whatever code they are made. */

static struct list busy = LIST_INIT(busy);	/* under registry_lock; looked at without, if empty */

void file_set_busy(struct file *f)
{
	ASSERT(!f->busy);
	file_unlink(f);
	f->busy = true;
	list_add_tail(&busy, &f->link);
	WRITE_ONCE(wait_gate_active, wait_gate_active + 1);
}

void file_unlink(struct file *f)
{
	list_del(&f->link);
	if (!f->busy)
		return;
	f->busy = false;
	WRITE_ONCE(wait_gate_active, wait_gate_active - 1);
}

bool file_call_is_cut(void)
{
	struct file *f;
	bool cut = false;

	if (READ_ONCE(busy.next) == &busy)
		return false;
	u32 flags = spin_lock_irqsave(&registry_lock);
	list_for_each(f, &busy, link)
		cut |= f->user == current;
	spin_unlock_irqrestore(&registry_lock, flags);
	return cut;
}

/* Rare, so it may look at all files there are. */
static struct file *next_call_of_current(void)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct file *f, *found = NULL;
	struct chrdev *d;

	list_for_each(d, &devices, node)
		for_each_file_of(f, d)
			if (READ_ONCE(f->user) == current && READ_ONCE(f->calls) && f->state == FILE_OPEN)
				found = f;
	if (found)
		WRITE_ONCE(found->calls, 0);
	spin_unlock_irqrestore(&registry_lock, flags);
	return found;
}

void file_calls_left(void)
{
	struct file *f;

	while ((f = next_call_of_current()))
		file_call_ended(f);
}

/* -- for unload/ ----------------------------------------------------------------------- */

void file_move(struct file *f, u32 list)
{
	list_del(&f->node);
	list_add_tail(&f->dev->files[list], &f->node);
}

u32 owner_open_files(struct owner *o)
{
	return READ_ONCE(o->nr_files);
}

/* The oldest in that list of one of its devices; NULL. Caller holds registry_lock. */
static struct file *first_in(struct owner *o, u32 list)
{
	struct chrdev *d;

	for_each_device_of(d, o)
		if (!list_empty(&d->files[list]))
			return list_first(&d->files[list], struct file, node);
	return NULL;
}

bool owner_has_uncut(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool has = first_in(o, FILES_USED) != NULL;

	spin_unlock_irqrestore(&registry_lock, flags);
	return has;
}

static void describe(const struct file *f, struct file_holder *out)
{
	*out = (struct file_holder){
		.task_id = f->task_id, .opened_at = f->opened_at, .state = f->state, .cut = f->cut,
	};
	strlcpy(out->dev, f->dev->e.name, sizeof(out->dev));
	memcpy(out->task_name, f->task_name, sizeof(out->task_name));
	if (f->e.ops)
		strlcpy(out->module, f->e.owner->name, sizeof(out->module));
}

/* Stuck files are named before those that wait for them. */
bool owner_file_holder(struct owner *o, struct file_holder *out)
{
	static const u32 order[] = { FILES_USED, FILES_REST, FILES_CUT, FILES_IDLE };
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct file *f = NULL;

	for (u32 i = 0; i < ARRAY_SIZE(order) && !f; i++)
		f = first_in(o, order[i]);
	if (f)
		describe(f, out);
	spin_unlock_irqrestore(&registry_lock, flags);
	return f != NULL;
}

bool owner_is_left_by(struct owner *o, const struct task *t)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct chrdev *d;
	struct file *f;
	bool leaves = false;

	for_each_device_of(d, o)
		list_for_each(f, &d->files[FILES_REST], node)
			leaves |= f->user == t;
	spin_unlock_irqrestore(&registry_lock, flags);
	return leaves;
}
