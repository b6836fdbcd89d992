/* Callbacks between modules. */
#include "entry/callback.h"
#include "entry/turnstile.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "mm/heap.h"
#include "sched/sync.h"
#include "x86/panic.h"

struct callback {
	struct entry e;
	/* Fixed. */
	callback_fn driver;
	void *arg;
	int id;

	/* Under registry_lock. */
	callback_fn fn;			/* NULL: closed */
	u32 callers;			/* on their way in, inside, or on their way out */
	u32 missed;			/* calls that came while it was closed */
	bool dying;
};

#define LAST_ID 0x7fffffff

/* By id % MAX_CALLBACKS. Under registry_lock. */
static struct callback *table[MAX_CALLBACKS];
static int last_id;

static struct wait_queue caller_left = WAIT_QUEUE(caller_left, "callback");

static struct callback *to_callback(struct entry *e)
{
	return container_of(e, struct callback, e);
}

/* -- the table ------------------------------------------------------------------ */

/* NULL: it is gone, or never was. Caller holds registry_lock. */
static struct callback *find(int id)
{
	struct callback *cb = table[(u32)id % MAX_CALLBACKS];

	ASSERT(spin_held(&registry_lock));
	return cb && cb->id == id ? cb : NULL;
}

/* The next number whose place is free. A number comes back only after the others
 * have been through, so that one kept for too long leads to nobody else. Caller
 * holds registry_lock. */
static int choose_id(void)
{
	for (u32 i = 0; i < MAX_CALLBACKS; i++) {
		last_id = last_id % LAST_ID + 1;
		if (!table[(u32)last_id % MAX_CALLBACKS])
			return last_id;
	}
	return -ENOSPC;
}

/* -- the record ----------------------------------------------------------------- */

static void callback_close(struct entry *e)
{
	to_callback(e)->fn = NULL;
}

/* Who called meanwhile was told -ENODEV: nothing is repeated. */
static void callback_reopen(struct entry *e)
{
	struct callback *cb = to_callback(e);

	cb->fn = cb->driver;
}

static bool has_no_callers(struct callback *cb)
{
	return READ_ONCE(cb->callers) == 0;
}

static void callback_unlink(struct entry *e)
{
	struct callback *cb = to_callback(e);
	u32 flags = spin_lock_irqsave(&registry_lock);

	cb->dying = true;
	table[(u32)cb->id % MAX_CALLBACKS] = NULL;
	spin_unlock_irqrestore(&registry_lock, flags);
	(void)wait_event_core(&caller_left, has_no_callers(cb), WAIT_FOREVER);
	/* The last of them may hold the lock still. */
	flags = spin_lock_irqsave(&registry_lock);
	spin_unlock_irqrestore(&registry_lock, flags);
}

static void callback_free(struct entry *e)
{
	kfree(to_callback(e));
}

static void callback_describe(struct entry *e, char *buf, u32 size)
{
	snprintf(buf, size, "callback %s, %u missed", e->name, to_callback(e)->missed);
}

static const struct entry_ops callback_ops = {
	.kind = "callback",
	.close = callback_close,
	.reopen = callback_reopen,
	.unlink = callback_unlink,
	.free = callback_free,
	.describe = callback_describe,
};

/* Caller holds registry_lock. */
static int enter(struct callback *cb, const char *name)
{
	int id = choose_id(), err;

	if (id < 0)
		return id;
	err = entry_add_locked(&cb->e, &callback_ops, owner_of_code((u32)cb->driver), name);
	if (err)
		return err;
	cb->id = id;
	table[(u32)id % MAX_CALLBACKS] = cb;
	return id;
}

int callback_register(const char *name, callback_fn fn, void *arg)
{
	struct callback *cb = kzalloc(sizeof(*cb));
	u32 flags;
	int id;

	if (!cb)
		return -ENOMEM;
	cb->driver = cb->fn = fn;
	cb->arg = arg;
	flags = spin_lock_irqsave(&registry_lock);
	id = enter(cb, name);
	spin_unlock_irqrestore(&registry_lock, flags);
	if (id < 0)
		kfree(cb);
	return id;
}

void callback_unregister(int id)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct callback *cb = find(id);

	spin_unlock_irqrestore(&registry_lock, flags);
	if (cb)
		entry_destroy(&cb->e);
}

/* -- a call --------------------------------------------------------------------- */

/* Caller holds registry_lock. NULL: nobody to call. */
static struct callback *begin_call(int id)
{
	struct callback *cb = find(id);

	if (cb && !cb->fn) {
		cb->missed++;
		return NULL;
	}
	if (cb)
		cb->callers++;
	return cb;
}

/*   CPU 0 (callback_call, in B)       CPU 1 (unload of A)
 *   registry_lock: fn = A's
 *                                     registry_lock: closes
 *   fn lies on its stack: an
 *   inspection finds it
 * or
 *                                     registry_lock: closes
 *   registry_lock: closed: -ENODEV
 */
int callback_call(int id, void *data)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct callback *cb = begin_call(id);

	if (!cb) {
		spin_unlock_irqrestore(&registry_lock, flags);
		return -ENODEV;
	}
	callback_fn fn = READ_ONCE(cb->fn);
	const struct turnstile *ts = turnstile_enter(cb->e.slot);
	spin_unlock_irqrestore(&registry_lock, flags);

	ASSERT(stack_is_read());
	sync_point("callback:call");
	current->must_return++;		/* callback_unlink() waits for it */
	int result = fn(data, cb->arg);
	current->must_return--;
	turnstile_leave(ts, cb->e.slot);

	flags = spin_lock_irqsave(&registry_lock);
	if (--cb->callers == 0 && cb->dying)
		wake_all(&caller_left);
	spin_unlock_irqrestore(&registry_lock, flags);
	return result;
}
