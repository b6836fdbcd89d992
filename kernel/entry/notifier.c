/* Notifier chains. */
#include "entry/call_check.h"
#include "entry/notifier.h"
#include "entry/turnstile.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sync.h"
#include "x86/panic.h"

struct notifier_record {
	struct entry e;
	/* Fixed. */
	struct notifier_chain *chain;
	notifier_fn driver;
	void *arg;
	int prio;

	/* Under registry_lock. */
	struct list node;		/* in chain->list */
	notifier_fn fn;			/* NULL: closed */
	u32 walkers;			/* that stand at it: it stays in the list */
	u32 missed;			/* calls that came while it was closed */
	bool dying;			/* walkers pass it by */
};

struct notifier_chain reboot_chain = NOTIFIER_CHAIN(reboot_chain, "reboot");
struct notifier_chain module_chain = NOTIFIER_CHAIN(module_chain, "module");

static struct wait_queue walker_left = WAIT_QUEUE(walker_left, "notifier");

static struct notifier_record *to_notifier(struct entry *e)
{
	return container_of(e, struct notifier_record, e);
}

static void notifier_close(struct entry *e)
{
	to_notifier(e)->fn = NULL;
}

/* What was missed was about an instant that has passed: it is not repeated. */
static void notifier_reopen(struct entry *e)
{
	struct notifier_record *n = to_notifier(e);

	n->fn = n->driver;
}

static bool has_no_walkers(struct notifier_record *n)
{
	return READ_ONCE(n->walkers) == 0;
}

/* Stays in the list for as long as a walker stands at it, so that the walker
 * finds the next one from it. */
static void notifier_unlink(struct entry *e)
{
	struct notifier_record *n = to_notifier(e);
	u32 flags = spin_lock_irqsave(&registry_lock);

	n->dying = true;
	n->fn = NULL;
	spin_unlock_irqrestore(&registry_lock, flags);
	(void)wait_event_core(&walker_left, has_no_walkers(n), WAIT_FOREVER);
	flags = spin_lock_irqsave(&registry_lock);
	list_del(&n->node);
	spin_unlock_irqrestore(&registry_lock, flags);
}

static void notifier_free(struct entry *e)
{
	kfree(to_notifier(e));
}

static void notifier_describe(struct entry *e, char *buf, u32 size)
{
	struct notifier_record *n = to_notifier(e);

	snprintf(buf, size, "notifier %s on %s, %u missed", e->name, n->chain->name, n->missed);
}

static const struct entry_ops notifier_ops = {
	.kind = "notifier",
	.close = notifier_close,
	.reopen = notifier_reopen,
	.unlink = notifier_unlink,
	.free = notifier_free,
	.describe = notifier_describe,
};

/* Behind those of the same priority. Caller holds registry_lock. */
static void insert_by_prio(struct notifier_record *n)
{
	struct notifier_record *other;

	list_for_each(other, &n->chain->list, node)
		if (other->prio < n->prio) {
			list_add_tail(&other->node, &n->node);	/* right before it */
			return;
		}
	list_add_tail(&n->chain->list, &n->node);
}

struct notifier *notifier_register(struct notifier_chain *c, const char *name,
                                   notifier_fn fn, void *arg, int prio)
{
	const struct entry_part part[] = {
		{ "function", (u32)fn }, { "argument", (u32)arg }, { "chain", (u32)c },
		ENTRY_MAKER((u32)__builtin_return_address(0)),
	};
	struct notifier_record *n = kzalloc(sizeof(*n));
	u32 flags;
	int err;

	if (!n)
		return ERR_PTR(-ENOMEM);
	n->chain = c;
	n->driver = n->fn = fn;
	n->arg = arg;
	n->prio = prio;
	flags = spin_lock_irqsave(&registry_lock);
	err = entry_add_locked(&n->e, &notifier_ops, name, part, ARRAY_SIZE(part));
	if (!err)
		insert_by_prio(n);
	void *handle = err ? ERR_PTR(err) : entry_handle(&n->e);
	spin_unlock_irqrestore(&registry_lock, flags);
	if (err)
		kfree(n);
	return handle;
}

int notifier_unregister(struct notifier *handle)
{
	return entry_destroy(handle, &notifier_ops, (u32)__builtin_return_address(0));
}

/* The first from `at` on that can be called; counts those that are closed.
 * Caller holds registry_lock. */
static struct notifier_record *next_callable(struct notifier_chain *c, struct list *at)
{
	for (; at != &c->list; at = at->next) {
		struct notifier_record *n = list_entry(at, struct notifier_record, node);

		if (n->fn)
			return n;
		n->missed++;
	}
	return NULL;
}

/* Caller holds registry_lock, which is released for the call. */
static u32 call_one(struct notifier_record *n, u32 event, void *data, u32 flags)
{
	notifier_fn fn = READ_ONCE(n->fn);
	const struct turnstile *ts;
	struct entry_call call;

	n->walkers++;
	entry_call_begin(&call, &n->e);
	ts = turnstile_enter(n->e.slot);
	spin_unlock_irqrestore(&registry_lock, flags);
	sync_point("notifier:call");
	current->must_return++;		/* notifier_unlink() waits for it */
	struct call_check c = call_check_begin();
	fn(event, data, n->arg);
	(void)call_check_end(c, "notifier", fn);
	current->must_return--;
	entry_call_end(&call);
	turnstile_leave(ts, n->e.slot);
	return spin_lock_irqsave(&registry_lock);
}

void notifier_call(struct notifier_chain *c, u32 event, void *data)
{
	ASSERT(stack_is_read());
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct notifier_record *n = next_callable(c, c->list.next);

	while (n) {
		flags = call_one(n, event, data, flags);
		struct notifier_record *last = n;
		n = next_callable(c, n->node.next);
		if (--last->walkers == 0 && last->dying)
			wake_all(&walker_left);
	}
	spin_unlock_irqrestore(&registry_lock, flags);
}

bool notifier_chain_is_empty(const struct notifier_chain *c)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool empty = list_empty(&c->list);

	spin_unlock_irqrestore(&registry_lock, flags);
	return empty;
}

void notifier_chain_calling(const struct notifier_chain *c, char *name, u32 size)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct notifier_record *n;

	name[0] = '\0';
	list_for_each(n, &c->list, node)
		if (n->walkers)
			strlcpy(name, n->e.name, size);
	spin_unlock_irqrestore(&registry_lock, flags);
}
