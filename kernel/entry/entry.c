/* The registry: what is common to all kinds of entry points. */
#include "entry/entry.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "smp/ipi.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/panic.h"

#define ROUND_TIMEOUT_NS (10 * NSEC_PER_SEC)

static u32 nr_entries;			/* under registry_lock */
static struct wait_queue resumed = WAIT_QUEUE(resumed, "resume");

int entry_add_locked(struct entry *e, const struct entry_ops *ops, struct owner *owner,
                     const char *name)
{
	ASSERT(spin_held(&registry_lock));
	if (!owner) {
		printk("%s %s: its function is marked __init, so it is gone when it is called\n",
		       ops->kind, name);
		return -EINVAL;
	}
	if (owner->state == OWNER_GOING && owner->exiting != current)
		owner_raise_epoch(owner);
	if (owner->state == OWNER_GOING || owner->state == OWNER_GONE)
		return -ENODEV;
	e->ops = ops;
	e->owner = owner;
	e->slot = owner->slot;
	e->closed = e->unlinked = e->resume_due = e->resuming = false;
	strlcpy(e->name, name, sizeof(e->name));
	list_add_tail(&owner->entries, &e->node);
	nr_entries++;
	return 0;
}

int entry_add(struct entry *e, const struct entry_ops *ops, struct owner *owner,
              const char *name)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	int err = entry_add_locked(e, ops, owner, name);

	spin_unlock_irqrestore(&registry_lock, flags);
	return err;
}

/* -- the end of a record ---------------------------------------------------- */

static void answer(void *arg, const struct regs *regs, u32 sp)
{
	(void)arg, (void)regs, (void)sp;
}

/* Each CPU leaves its interrupt handlers before it answers, so afterwards none
 * holds what it found before. May sleep. */
static bool all_cpus_answer(const struct entry *e)
{
	cpumask_t silent = smp_call_until(cpus_online, answer, NULL, clock_ns() + ROUND_TIMEOUT_NS);
	u32 cpu;

	for_each_cpu_in(cpu, silent)
		printk("entry: CPU %u does not answer, so the record of %s %s stays in memory\n",
		       cpu, e->ops->kind, e->name);
	return !silent;
}

/* From here on close(), reopen() and entries_unlink() pass it by. */
static void claim_unlink(struct entry *e)
{
	u32 flags = spin_lock_irqsave(&registry_lock);

	while (e->resuming) {
		spin_unlock_irqrestore(&registry_lock, flags);
		(void)wait_event_core(&resumed, !READ_ONCE(e->resuming), WAIT_FOREVER);
		flags = spin_lock_irqsave(&registry_lock);
	}
	ASSERT(!e->unlinked);
	e->unlinked = true;
	spin_unlock_irqrestore(&registry_lock, flags);
}

static void forget(struct entry *e)
{
	u32 flags = spin_lock_irqsave(&registry_lock);

	list_del(&e->node);
	nr_entries--;
	spin_unlock_irqrestore(&registry_lock, flags);
}

bool entry_destroy(struct entry *e)
{
	ASSERT(may_sleep());
	claim_unlink(e);
	e->ops->unlink(e);
	/* The unload's one broadcast at the end serves all of them. */
	if (READ_ONCE(e->owner->exiting) == current)
		return true;
	forget(e);
	if (e->ops->lockless && !all_cpus_answer(e))
		return false;
	e->ops->free(e);
	return true;
}

/* -- for unload/ ------------------------------------------------------------ */

void entries_close(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry *e;

	list_for_each(e, &o->entries, node)
		if (!e->closed && !e->unlinked) {
			WRITE_ONCE(e->closed, true);
			e->ops->close(e);
		}
	spin_unlock_irqrestore(&registry_lock, flags);
	wait_recheck_since(o->base, o->size, o->generation);
}

static struct entry *claim_resume(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry *e, *found = NULL;

	list_for_each(e, &o->entries, node)
		if (e->resume_due && !e->unlinked) {
			found = e;
			break;
		}
	if (found) {
		found->resume_due = false;
		found->resuming = true;
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
		wake_all(&resumed);
		spin_unlock_irqrestore(&registry_lock, flags);
	}
}

void entries_reopen(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry *e;

	list_for_each(e, &o->entries, node)
		if (e->closed && !e->unlinked) {
			WRITE_ONCE(e->closed, false);
			e->ops->reopen(e);
		}
	wake_all(&o->gate);
	spin_unlock_irqrestore(&registry_lock, flags);
	resume_entries(o);
}

/* Claims the first record that is still linked. */
static struct entry *claim_first(struct owner *o, void (*seen)(struct entry *e, void *ctx), void *ctx)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry *e, *found = NULL;

	list_for_each(e, &o->entries, node)
		if (!e->unlinked) {
			found = e;
			break;
		}
	if (found && seen)
		seen(found, ctx);
	if (found)
		found->unlinked = true;
	spin_unlock_irqrestore(&registry_lock, flags);
	return found;
}

void entries_unlink(struct owner *o, void (*seen)(struct entry *e, void *ctx), void *ctx)
{
	struct entry *e;

	while ((e = claim_first(o, seen, ctx)))
		e->ops->unlink(e);
}

void entries_free(struct owner *o)
{
	while (!list_empty(&o->entries)) {
		struct entry *e = list_first(&o->entries, struct entry, node);

		ASSERT(e->unlinked);
		forget(e);
		e->ops->free(e);
	}
}

void entries_each(struct owner *o, void (*see)(struct entry *e, void *ctx), void *ctx)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry *e;

	list_for_each(e, &o->entries, node)
		see(e, ctx);
	spin_unlock_irqrestore(&registry_lock, flags);
}

u32 entries_count(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry *e;
	u32 n = 0;

	if (!o)
		n = nr_entries;
	else
		list_for_each(e, &o->entries, node)
			n++;
	spin_unlock_irqrestore(&registry_lock, flags);
	return n;
}

void entry_describe(struct entry *e, char *buf, u32 size)
{
	ASSERT(spin_held(&registry_lock));
	if (e->ops->describe)
		e->ops->describe(e, buf, size);
	else
		snprintf(buf, size, "%s %s", e->ops->kind, e->name);
}
