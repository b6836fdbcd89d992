/* The registry: what is common to all kinds of entry points. */
#include "entry/entry.h"
#include "entry/handle.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "smp/ipi.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/panic.h"
#include "x86/symbols.h"

#define ROUND_TIMEOUT_NS (10 * NSEC_PER_SEC)

static u32 nr_entries;			/* under registry_lock */
static struct wait_queue left_alone = WAIT_QUEUE(left_alone, "record");

static struct handle_slot slots[HANDLE_SLOTS];
static struct handles handles = { .slot = slots, .nr_slots = HANDLE_SLOTS };

/* -- the owners of a record -------------------------------------------------- */

#define for_each_link(l, e) \
	for (l = (e)->link; l < (e)->link + ENTRY_LINKS; l++) if ((l)->owner)

/* Will what the record holds be gone when init has returned? */
static bool is_for_init_only(const struct entry_part *part, const char *kind, const char *name)
{
	const struct owner *o = owner_of(part->addr);
	char where[64];

	if (!part->what || !owner_init_holds(o, part->addr))
		return false;
	symbolise(part->addr, where, sizeof(where));
	printk("%s %s: its %s, %s, is marked __init or __initdata, so it is gone when it is used; "
	       "take the mark away\n", kind, name, part->what, where);
	return true;
}

/* Into the first free link from `l` on, unless it has one. */
static void note_owner(struct entry_link *l, struct owner *o, u32 addr)
{
	while (l->owner && l->owner != o)
		l++;
	if (l->owner)
		return;
	l->owner = o;
	l->addr = addr;
}

/* Fills in e->link[].owner: the modules that the parts lie in, each once; else the core. */
static int find_owners(struct entry *e, const char *kind, const char *name,
                       const struct entry_part *part, u32 nr)
{
	for (u32 i = 0; i < ENTRY_LINKS; i++) {
		e->link[i] = (struct entry_link){ .entry = e };
		list_init(&e->link[i].node);
	}
	for (u32 i = 0; i < nr; i++) {
		struct owner *o = owner_of(part[i].addr);

		if (is_for_init_only(&part[i], kind, name))
			return -EINVAL;
		if (o != &core_owner)
			note_owner(e->link, o, part[i].addr);
	}
	if (!e->link[0].owner)
		e->link[0].owner = &core_owner;
	return 0;
}

/* A code pointer handed over while the module is GOING voids the inspection. */
static int ask_owners(struct entry *e)
{
	struct entry_link *l;
	int err = 0;

	for_each_link(l, e) {
		if (l->owner->state == OWNER_GOING && l->owner->exiting != current)
			owner_raise_epoch(l->owner);
		if (l->owner->state == OWNER_GOING || l->owner->state == OWNER_GONE)
			err = -ENODEV;
	}
	return err;
}

int entry_add_locked(struct entry *e, const struct entry_ops *ops, const char *name,
                     const struct entry_part *part, u32 nr)
{
	struct entry_link *l;
	int err;

	ASSERT(spin_held(&registry_lock) && nr);
	err = find_owners(e, ops->kind, name, part, nr);
	if (!err)
		err = ask_owners(e);
	if (err)
		return err;
	e->handle = handle_take(&handles);
	if (!e->handle)
		return -ENOSPC;
	e->ops = ops;
	e->owner = e->link[0].owner;
	e->slot = e->owner->slot;
	e->closers = 0;
	e->closed = e->unlinked = e->resume_due = e->resuming = false;
	e->ender = NULL;
	strlcpy(e->name, name, sizeof(e->name));
	for_each_link(l, e)
		list_add_tail(&l->owner->entries, &l->node);
	nr_entries++;
	handle_publish(&handles, e);
	return 0;
}

void *entry_add(struct entry *e, const struct entry_ops *ops, const char *name,
                const struct entry_part *part, u32 nr)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	int err = entry_add_locked(e, ops, name, part, nr);
	void *handle = err ? ERR_PTR(err) : entry_handle(e);

	spin_unlock_irqrestore(&registry_lock, flags);
	return handle;
}

struct entry *entry_find(const void *handle, const struct entry_ops *ops)
{
	struct entry *e = handle_find(&handles, (u32)handle);

	return e && e->ops == ops ? e : NULL;
}

bool entry_hold_back(struct entry *e)
{
	bool keep = true;

	for (u32 i = 0; i < ENTRY_LINKS; i++) {
		struct owner *o = READ_ONCE(e->link[i].owner);
		if (o && !owner_hold_back(o))
			keep = false;
	}
	return keep;
}

bool entry_is_lost(const struct entry *e)
{
	for (u32 i = 0; i < ENTRY_LINKS; i++) {
		const struct owner *o = READ_ONCE(e->link[i].owner);
		if (o && READ_ONCE(o->state) == OWNER_GONE)
			return true;
	}
	return false;
}

/* -- calls of a record's function ------------------------------------------------ */

void entry_call_begin(struct entry_call *c, const struct entry *e)
{
	c->handle = e->handle;
	for (u32 i = 0; i < ENTRY_LINKS; i++)
		c->shown[i] = e->link[i].addr;
	c->outer = current->entry_calls;
	current->entry_calls = c;
}

void entry_call_end(struct entry_call *c)
{
	current->entry_calls = c->outer;
	for (u32 i = 0; i < ENTRY_LINKS; i++)
		WRITE_ONCE(c->shown[i], 0);	/* or it would stay, for a while, in dead stack */
}

static bool runs_in(u32 handle)
{
	for (const struct entry_call *c = current->entry_calls; c; c = c->outer)
		if (c->handle == handle)
			return true;
	return false;
}

static void copy_name(const void *handle, const struct entry_ops *ops, char *name, u32 size)
{
	u32 flags = irq_save();
	const struct entry *e = entry_find(handle, ops);

	strlcpy(name, e ? e->name : "", size);
	irq_restore(flags);
}

bool entry_may_wait(const void *handle, const struct entry_ops *ops, u32 caller)
{
	char where[64], name[sizeof_field(struct entry, name)];

	if (may_sleep() && !runs_in((u32)handle))
		return true;
	symbolise(caller, where, sizeof(where));
	copy_name(handle, ops, name, sizeof(name));
	if (!may_sleep())
		printk("%s %s: %s, in an interrupt or with preemption off, asks for what has to wait; "
		       "refused: leave it to a work item\n", ops->kind, name, where);
	else
		printk("%s %s: %s, in its own function, would wait for itself; refused: return first\n",
		       ops->kind, name, where);
	return false;
}

/* -- the end of a record ---------------------------------------------------- */

/* Each CPU leaves its interrupt handlers, and has its interrupts on, before it answers; so
 * afterwards none holds what it found before. May sleep. */
static bool all_cpus_answer(const struct entry *e)
{
	cpumask_t silent = smp_fence_until(clock_ns() + ROUND_TIMEOUT_NS);
	u32 cpu;

	for_each_cpu_in(cpu, silent)
		printk("entry: CPU %u does not answer, so the record of %s %s stays in memory\n",
		       cpu, e->ops->kind, e->name);
	return !silent;
}

/* The owner whose exit the task runs; NULL: it runs none of this record's. */
static struct owner *owner_exiting(struct entry *e)
{
	struct entry_link *l;

	for_each_link(l, e)
		if (l->owner->exiting == current)
			return l->owner;
	return NULL;
}

/* Is it being ended, or resumed? */
static bool is_busy(u32 handle)
{
	u32 flags = irq_save();
	const struct entry *e = handle_find(&handles, handle);
	bool busy = e && (READ_ONCE(e->unlinked) || READ_ONCE(e->resuming));

	irq_restore(flags);
	return busy;
}

static u32 nr_waiting;			/* for a record to be left alone; under registry_lock */

static void count_waiting(u32 n)
{
	u32 flags = spin_lock_irqsave(&registry_lock);

	nr_waiting += n;
	spin_unlock_irqrestore(&registry_lock, flags);
}

static void wait_until_left_alone(u32 handle)
{
	count_waiting(1);
	(void)wait_event_core(&left_alone, !is_busy(handle), WAIT_FOREVER);
	count_waiting(-1u);
}

/* Caller holds registry_lock, and has just changed a record: a waiter that is counted later
 * sees the change. */
static void wake_waiting(void)
{
	if (unlikely(nr_waiting))
		wake_all(&left_alone);
}

/* Claims the end of a record for the caller: close(), reopen() and entries_unlink() pass it
 * by. 0, and *out; -ENODEV: it is gone; -EAGAIN: look again when what goes on there is over.
 *
 *	CPU 0 (a library: timer_destroy)	CPU 1 (unload of its user)
 *	lock: claims it
 *						lock: claimed: waits for its end
 *	unlinks, drops the handle
 *						goes on: nothing leads into the module
 * and the other way round, where the library is told -ENODEV. */
static int claim_end(const void *handle, const struct entry_ops *ops, struct entry **out)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry *e = entry_find(handle, ops);
	int err = !e ? -ENODEV : e->unlinked || e->resuming ? -EAGAIN : 0;

	if (!err) {
		e->unlinked = true;
		e->ender = owner_exiting(e);
	}
	*out = e;
	spin_unlock_irqrestore(&registry_lock, flags);
	return err;
}

/* It is unlinked: from here on its handle leads nowhere. Caller holds registry_lock. */
static void drop_handle(struct entry *e)
{
	handle_drop(&handles, e);
	wake_waiting();
}

/* Unlinks what the caller has claimed. */
static void unlink_entry(struct entry *e)
{
	u32 flags;

	e->ops->unlink(e);
	flags = spin_lock_irqsave(&registry_lock);
	drop_handle(e);
	spin_unlock_irqrestore(&registry_lock, flags);
}

/* Caller holds registry_lock. */
static void leave_owners(struct entry *e)
{
	struct entry_link *l;

	for_each_link(l, e) {
		list_del(&l->node);
		WRITE_ONCE(l->owner, NULL);
	}
	nr_entries--;
}

static int destroy_claimed(struct entry *e)
{
	bool at_end = e->ender != NULL;

	unlink_entry(e);
	/* The unload's one broadcast at the end serves all of them. */
	if (at_end)
		return 0;
	u32 flags = spin_lock_irqsave(&registry_lock);
	leave_owners(e);
	spin_unlock_irqrestore(&registry_lock, flags);
	if (!all_cpus_answer(e))
		return -ETIMEDOUT;
	e->ops->free(e);
	return 0;
}

int entry_destroy(const void *handle, const struct entry_ops *ops, u32 caller)
{
	struct entry *e;
	int err;

	if (!entry_may_wait(handle, ops, caller))
		return -EDEADLK;
	while ((err = claim_end(handle, ops, &e)) == -EAGAIN)
		wait_until_left_alone((u32)handle);
	return err ? err : destroy_claimed(e);
}

/* -- for unload/ ------------------------------------------------------------ */

#define for_each_entry_of(l, o) list_for_each(l, &(o)->entries, node)

static void close_link(struct entry_link *l)
{
	struct entry *e = l->entry;

	if (l->closed || e->unlinked)
		return;
	l->closed = true;
	if (e->closers++)
		return;
	WRITE_ONCE(e->closed, true);
	e->ops->close(e);
}

void entries_close(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry_link *l;

	for_each_entry_of(l, o)
		close_link(l);
	spin_unlock_irqrestore(&registry_lock, flags);
	wait_recheck_since(o->base, o->size, o->generation);
}

/* Callers wait at the gate of the owner of the function, whichever owner has closed the
 * record. */
static void wake_gates(struct entry *e)
{
	struct entry_link *l;

	for_each_link(l, e)
		wake_all(&l->owner->gate);
}

static void reopen_link(struct entry_link *l)
{
	struct entry *e = l->entry;

	if (!l->closed || e->unlinked)
		return;
	l->closed = false;
	if (--e->closers)
		return;
	WRITE_ONCE(e->closed, false);
	e->ops->reopen(e);
	wake_gates(e);
}

static struct entry *claim_resume(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry *found = NULL;
	struct entry_link *l;

	for_each_entry_of(l, o)
		if (l->entry->resume_due && !l->entry->unlinked && !l->entry->resuming) {
			found = l->entry;
			found->resume_due = false;
			found->resuming = true;
			break;
		}
	spin_unlock_irqrestore(&registry_lock, flags);
	return found;
}

static void resume_entries(struct owner *o)
{
	struct entry *e;

	while ((e = claim_resume(o))) {
		e->ops->resume(e);
		u32 flags = spin_lock_irqsave(&registry_lock);
		WRITE_ONCE(e->resuming, false);
		wake_waiting();
		spin_unlock_irqrestore(&registry_lock, flags);
	}
}

void entries_reopen(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry_link *l;

	for_each_entry_of(l, o)
		reopen_link(l);
	wake_all(&o->gate);
	spin_unlock_irqrestore(&registry_lock, flags);
	resume_entries(o);
}

/* Drops the handle of `done`, if any, which the caller has unlinked. Returns a record of `o`
 * that can still be found. *claimed: its end is the caller's from here on; else another task
 * is ending or resuming it. NULL: there is none. */
static struct entry *next_to_unlink(struct owner *o, struct entry *done,
                                    void (*seen)(struct entry *e, void *ctx), void *ctx,
                                    u32 *handle, bool *claimed)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry *found = NULL;
	struct entry_link *l;

	if (done)
		drop_handle(done);

	for_each_entry_of(l, o)
		if (handle_find(&handles, l->entry->handle)) {
			found = l->entry;
			break;
		}
	*claimed = found && !found->unlinked && !found->resuming;
	if (*claimed) {
		if (seen)
			seen(found, ctx);
		found->unlinked = true;
		found->ender = o;
	}
	*handle = found ? found->handle : 0;
	spin_unlock_irqrestore(&registry_lock, flags);
	return found;
}

/* Also of those whose end another task or unload has claimed: when this returns, nothing
 * leads into the module any more. */
void entries_unlink(struct owner *o, void (*seen)(struct entry *e, void *ctx), void *ctx)
{
	struct entry *e, *done = NULL;
	bool claimed;
	u32 handle;

	while ((e = next_to_unlink(o, done, seen, ctx, &handle, &claimed))) {
		done = claimed ? e : NULL;
		if (claimed)
			e->ops->unlink(e);
		else
			wait_until_left_alone(handle);
	}
}

/* The first record of `o` leaves it; returned, if it is this unload's to free: then it has
 * left its other owners as well. Else NULL. */
static struct entry *take_first(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry *e = NULL;

	if (!list_empty(&o->entries)) {		/* a task that ends one may take it off meanwhile */
		struct entry_link *l = list_first(&o->entries, struct entry_link, node);

		ASSERT(l->entry->unlinked);
		if (l->entry->ender == o) {
			e = l->entry;
			leave_owners(e);
		} else {
			list_del(&l->node);
			WRITE_ONCE(l->owner, NULL);
		}
	}
	spin_unlock_irqrestore(&registry_lock, flags);
	return e;
}

void entries_free(struct owner *o)
{
	while (!list_empty(&o->entries)) {
		struct entry *e = take_first(o);
		if (e)
			e->ops->free(e);
	}
}

void entries_each(struct owner *o, void (*see)(struct entry *e, void *ctx), void *ctx)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry_link *l;

	for_each_entry_of(l, o)
		see(l->entry, ctx);
	spin_unlock_irqrestore(&registry_lock, flags);
}

u32 entries_count(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry_link *l;
	u32 n = 0;

	if (!o)
		n = nr_entries;
	else
		for_each_entry_of(l, o)
			n++;
	spin_unlock_irqrestore(&registry_lock, flags);
	return n;
}

void entry_describe(struct entry *e, char *buf, u32 size)
{
	struct entry_link *l;
	u32 len;

	ASSERT(spin_held(&registry_lock));
	if (e->ops->describe)
		e->ops->describe(e, buf, size);
	else
		snprintf(buf, size, "%s %s", e->ops->kind, e->name);
	for_each_link(l, e) {
		len = strlen(buf);
		if (l != e->link)
			snprintf(buf + len, size - len, ", also of %s", l->owner->name);
	}
}
