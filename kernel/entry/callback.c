/* Callbacks between modules. */
#include "entry/call_check.h"
#include "entry/callback.h"
#include "entry/turnstile.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "mm/heap.h"
#include "sched/sync.h"
#include "x86/panic.h"

struct callback_record {
	struct entry e;
	/* Fixed. */
	callback_fn driver;
	void *arg;

	/* Under registry_lock. */
	callback_fn fn;			/* NULL: closed */
	u32 callers;			/* on their way in, inside, or on their way out */
	u32 missed;			/* calls that came while it was closed */
	bool dying;
};

static struct wait_queue caller_left = WAIT_QUEUE(caller_left, "callback");

static struct callback_record *to_callback(struct entry *e)
{
	return container_of(e, struct callback_record, e);
}

/* -- the record ----------------------------------------------------------------- */

static void callback_close(struct entry *e)
{
	to_callback(e)->fn = NULL;
}

/* Who called meanwhile was told -ENODEV: nothing is repeated. */
static void callback_reopen(struct entry *e)
{
	struct callback_record *cb = to_callback(e);

	cb->fn = cb->driver;
}

static bool has_no_callers(struct callback_record *cb)
{
	return READ_ONCE(cb->callers) == 0;
}

static void callback_unlink(struct entry *e)
{
	struct callback_record *cb = to_callback(e);
	u32 flags = spin_lock_irqsave(&registry_lock);

	cb->dying = true;
	cb->fn = NULL;
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

int callback_register(const char *name, callback_fn fn, void *arg)
{
	const struct entry_part part[] = {
		{ "function", (u32)fn }, { "argument", (u32)arg },
		ENTRY_MAKER((u32)__builtin_return_address(0)),
	};
	struct callback_record *cb = kzalloc(sizeof(*cb));

	if (!cb)
		return -ENOMEM;
	cb->driver = cb->fn = fn;
	cb->arg = arg;
	void *handle = entry_add(&cb->e, &callback_ops, name, part, ARRAY_SIZE(part));
	if (IS_ERR(handle)) {
		kfree(cb);
		return PTR_ERR(handle);
	}
	return (int)handle;
}

int callback_unregister(int id)
{
	return entry_destroy((void *)id, &callback_ops, (u32)__builtin_return_address(0));
}

/* -- a call --------------------------------------------------------------------- */

/* Caller holds registry_lock. NULL: nobody to call. */
static struct callback_record *begin_call(int id)
{
	struct entry *e = entry_find((void *)id, &callback_ops);
	struct callback_record *cb = e ? to_callback(e) : NULL;

	if (cb && !cb->fn) {
		cb->missed++;
		return NULL;
	}
	if (cb)
		cb->callers++;
	return cb;
}

static void end_call(struct callback_record *cb)
{
	u32 flags = spin_lock_irqsave(&registry_lock);

	if (--cb->callers == 0 && cb->dying)
		wake_all(&caller_left);
	spin_unlock_irqrestore(&registry_lock, flags);
}

/*   CPU 0 (callback_call, in B)       CPU 1 (unload of A)
 *   registry_lock: fn = A's
 *                                     registry_lock: closes
 *   `call` lies on its stack: an
 *   inspection finds it
 * or
 *                                     registry_lock: closes
 *   registry_lock: closed: -ENODEV
 */
int callback_call(int id, void *data)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct callback_record *cb = begin_call(id);
	struct entry_call call;

	if (!cb) {
		spin_unlock_irqrestore(&registry_lock, flags);
		return -ENODEV;
	}
	callback_fn fn = READ_ONCE(cb->fn);
	entry_call_begin(&call, &cb->e);
	const struct turnstile *ts = turnstile_enter(cb->e.slot);
	spin_unlock_irqrestore(&registry_lock, flags);

	ASSERT(stack_is_read());
	sync_point("callback:call");
	current->must_return++;		/* callback_unlink() waits for it */
	struct call_check c = call_check_begin();
	int result = fn(data, cb->arg);
	(void)call_check_end(c, "callback", fn);
	current->must_return--;
	entry_call_end(&call);
	turnstile_leave(ts, cb->e.slot);
	end_call(cb);
	return result;
}
