/* Files: how tasks use a device. */
#include "entry/device.h"
#include "entry/turnstile.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sync.h"
#include "x86/clock.h"
#include "x86/panic.h"

/* -- open ----------------------------------------------------------------------------- */

/* Caller holds registry_lock. */
static bool count_opener(struct file *f, struct chrdev *d)
{
	const struct turnstile *ts = turnstile;

	if (!ts || !ts->get)
		return true;
	if (!ts->get(d->e.owner))
		return false;
	f->turnstile = ts;
	return true;
}

/* The driver's open(), between an enter and a leave. The module may have gone, all
 * of it, since attach(): then the device says so, and `slot` is another's. */
static noinline int open_counted(struct file *f)
{
	const struct turnstile *ts = READ_ONCE(turnstile);
	bool counted = ts && ts->open_enter;
	u32 slot = f->dev->e.slot;
	int err = -ENODEV;

	if (counted ? ts->open_enter(slot) : (turnstile_enter(slot), true)) {
		int (*open)(struct file *f) = READ_ONCE(f->dev->driver.open);

		if (!READ_ONCE(f->dev->gone) && !READ_ONCE(f->dev->e.closed))
			err = open ? open(f) : 0;
		if (counted)
			ts->open_leave(slot);
		else
			turnstile_leave(ts, slot);
	}
	return err;
}

/* Puts `f` on the books of device `name` and fetches the driver's open(), both
 * under registry_lock. So an opener is known as a holder before it can enter,
 * and once files are cut off the function it is about to call lies on its stack.
 * 0; -EAGAIN: the gate was shut, look again; -ENODEV; -EINTR. */
static int attach(struct file *f, const char *name, int (**open)(struct file *f))
{
	static const bool never = false;
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct chrdev *d = device_find(name);
	bool shut;
	int err;

	if (!d) {
		spin_unlock_irqrestore(&registry_lock, flags);
		return -ENODEV;
	}
	d->refs++;
	shut = gate_is_shut(d, true);
	bool turned_away = !shut && !count_opener(f, d);
	if (!shut && !turned_away) {
		f->dev = d;
		list_add_tail(&d->files, &f->node);
		*open = READ_ONCE(d->driver.open);
	}
	spin_unlock_irqrestore(&registry_lock, flags);
	if (!shut && !turned_away)
		return 0;

	err = turned_away ? -ENODEV : gate_pass(d, true, &never);
	device_put(d);
	return err ? err : -EAGAIN;
}

static void detach(struct file *f)
{
	u32 flags = spin_lock_irqsave(&registry_lock);

	list_del(&f->node);
	if (f->turnstile)
		f->turnstile->put(f->dev->e.owner);
	spin_unlock_irqrestore(&registry_lock, flags);
	device_put(f->dev);
}

struct file *file_open(const char *name, u32 flags)
{
	int (*open)(struct file *f) = NULL;
	struct file *f;
	int err;

	ASSERT(may_sleep() && stack_is_read());
	wipe_dead_stack();	/* it may rest at the gate */
	f = kzalloc(sizeof(*f));
	if (!f)
		return ERR_PTR(-ENOMEM);
	f->flags = flags;
	f->task_id = current->id;
	strlcpy(f->task_name, current->name, sizeof(f->task_name));
	f->opened_at = clock_ns();
	do {
		err = attach(f, name, &open);
	} while (err == -EAGAIN);
	if (err)
		goto out_free;
	sync_point("file:open");
	if (unlikely(READ_ONCE(turnstile)))
		err = open_counted(f);
	else
		err = open ? open(f) : 0;
	if (err < 0)
		goto out_detach;
	return f;

out_detach:
	detach(f);
out_free:
	kfree(f);
	return ERR_PTR(err);
}

/* -- calls ----------------------------------------------------------------------------- */

/* Calls the driver's function `op`, which is fetched once. In between comes what the
 * strategy wants done; a function of its own, so that who is not counted does not pay
 * for it. */
#define DEFINE_CALL(op, ...)                                                    \
	static always_inline int op##_now(struct file *f, PARAMS_##op)          \
	{                                                                       \
		op##_fn fn = READ_ONCE(f->dev->op);                             \
		DEBUG_ASSERT(stack_is_read());                                  \
		sync_point("file:" #op);                                        \
		return fn(f, __VA_ARGS__);                                      \
	}                                                                       \
	static noinline int op##_counted(struct file *f, PARAMS_##op)           \
	{                                                                       \
		const struct turnstile *ts = turnstile_enter(f->dev->e.slot);   \
		int n = op##_now(f, __VA_ARGS__);                               \
		turnstile_leave(ts, f->dev->e.slot);                            \
		return n;                                                       \
	}                                                                       \
	int file_##op(struct file *f, PARAMS_##op)                              \
	{                                                                       \
		if (unlikely(READ_ONCE(f->revoked)))                            \
			return -ENODEV;                                         \
		if (unlikely(READ_ONCE(turnstile)))                             \
			return op##_counted(f, __VA_ARGS__);                    \
		return op##_now(f, __VA_ARGS__);                                \
	}
#define PARAMS_read  void *buf, u32 len
#define PARAMS_write const void *buf, u32 len
#define PARAMS_ioctl u32 cmd, u32 arg
DEFINE_CALL(read, buf, len)
DEFINE_CALL(write, buf, len)
DEFINE_CALL(ioctl, cmd, arg)

/* -- close ----------------------------------------------------------------------------- */

/* The owner that must be waited for before `f` can be closed; NULL: none.
 * Caller holds registry_lock. */
static struct owner *release_is_up_to(const struct file *f)
{
	const struct chrdev *d = f->dev;
	const struct owner *o = d->e.owner;

	if (d->gone || f->release == FILE_RELEASED)
		return NULL;
	/* Or an unload has closed the doors, and turns callers away: its fate decides. */
	return o->state == OWNER_GONE || (o->marked && d->e.closed) ? d->e.owner : NULL;
}

static bool is_settled(const struct file *f)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool settled = !release_is_up_to(f);

	spin_unlock_irqrestore(&registry_lock, flags);
	return settled;
}

static void wait_settled(struct file *f)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct owner *o = release_is_up_to(f);

	if (o)
		owner_gate_enter(o);
	spin_unlock_irqrestore(&registry_lock, flags);
	if (!o)
		return;
	(void)wait_event_core(&o->gate, is_settled(f), WAIT_FOREVER);
	owner_gate_leave(o);
}

/* Decides who calls the driver's release(): *release for the caller to do so, or
 * NULL: the driver has been told, or need not be. False: it has to be waited for.
 *
 * Closing is allowed while the module is GOING, or an asker that waits for the
 * holders would keep them from leaving. It is a way into the module, so it
 * raises the epoch, under the lock of the commit:
 *
 *   CPU 0 (file_close)                  CPU 1 (unload)
 *                                       inspects CPU 0's task: outside
 *   registry_lock: state GOING,
 *   epoch + 1, fetches release()
 *                                       commit: epoch changed, void
 *   release(f)
 *                                       inspects again
 *
 * If the commit comes first the state is GONE here, and owner_release_files()
 * calls release() in the asker's task. */
static bool claim_release(struct file *f, void (**release)(struct file *f))
{
	struct chrdev *d = f->dev;
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool settled = !release_is_up_to(f);

	*release = NULL;
	if (settled && !d->gone && f->release == FILE_OPEN) {
		f->release = FILE_RELEASING;
		*release = READ_ONCE(d->driver.release);
		if (d->e.owner->state == OWNER_GOING)
			owner_raise_epoch(d->e.owner);
	}
	spin_unlock_irqrestore(&registry_lock, flags);
	return settled;
}

/* The file stays on the books until the driver's release() has returned, so it
 * counts as a holder for as long as its task may be inside. */
void file_close(struct file *f)
{
	u32 slot = f->dev->e.slot;
	const struct turnstile *ts;
	void (*release)(struct file *f);

	ASSERT(may_sleep() && stack_is_read());
	/* Counted before release() is fetched, but not while it waits. */
	for (;;) {
		ts = turnstile_enter(slot);
		if (claim_release(f, &release))
			break;
		turnstile_leave(ts, slot);
		wait_settled(f);
	}
	sync_point("file:close");
	if (release)
		release(f);
	turnstile_leave(ts, slot);
	detach(f);
	kfree(f);
}
