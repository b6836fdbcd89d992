/* Files: how tasks use a device. */
#include "entry/device.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sync.h"
#include "x86/clock.h"
#include "x86/panic.h"

/* -- open ----------------------------------------------------------------------------- */

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
	if (!shut) {
		f->dev = d;
		list_add_tail(&d->files, &f->node);
		*open = READ_ONCE(d->driver.open);
	}
	spin_unlock_irqrestore(&registry_lock, flags);
	if (!shut)
		return 0;

	err = gate_pass(d, true, &never);
	device_put(d);
	return err ? err : -EAGAIN;
}

static void detach(struct file *f)
{
	u32 flags = spin_lock_irqsave(&registry_lock);

	list_del(&f->node);
	spin_unlock_irqrestore(&registry_lock, flags);
	device_put(f->dev);
}

struct file *file_open(const char *name, u32 flags)
{
	int (*open)(struct file *f) = NULL;
	struct file *f;
	int err;

	ASSERT(may_sleep());
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

int file_read(struct file *f, void *buf, u32 len)
{
	read_fn fn;

	if (unlikely(READ_ONCE(f->revoked)))
		return -ENODEV;
	fn = READ_ONCE(f->dev->read);
	sync_point("file:read");
	return fn(f, buf, len);
}

int file_write(struct file *f, const void *buf, u32 len)
{
	write_fn fn;

	if (unlikely(READ_ONCE(f->revoked)))
		return -ENODEV;
	fn = READ_ONCE(f->dev->write);
	sync_point("file:write");
	return fn(f, buf, len);
}

int file_ioctl(struct file *f, u32 cmd, u32 arg)
{
	ioctl_fn fn;

	if (unlikely(READ_ONCE(f->revoked)))
		return -ENODEV;
	fn = READ_ONCE(f->dev->ioctl);
	sync_point("file:ioctl");
	return fn(f, cmd, arg);
}

/* -- close ----------------------------------------------------------------------------- */

/* The owner that must be waited for before `f` can be closed; NULL: none.
 * Caller holds registry_lock. */
static struct owner *release_is_up_to(const struct file *f)
{
	const struct chrdev *d = f->dev;

	if (d->gone || f->release == FILE_RELEASED)
		return NULL;
	return d->e.owner->state == OWNER_GONE ? d->e.owner : NULL;
}

/* Decides who calls the driver's release(): returns it for the caller to do so,
 * or NULL: the driver has been told, or need not be.
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
static void (*claim_release(struct file *f))(struct file *f)
{
	struct chrdev *d = f->dev;
	void (*release)(struct file *f) = NULL;
	struct owner *o;
	u32 flags = spin_lock_irqsave(&registry_lock);

	while ((o = release_is_up_to(f))) {
		owner_gate_enter(o);
		spin_unlock_irqrestore(&registry_lock, flags);
		(void)wait_event_core(&o->gate, READ_ONCE(f->release) == FILE_RELEASED ||
		                                READ_ONCE(d->gone), WAIT_FOREVER);
		owner_gate_leave(o);
		flags = spin_lock_irqsave(&registry_lock);
	}
	if (!d->gone && f->release == FILE_OPEN) {
		f->release = FILE_RELEASING;
		release = READ_ONCE(d->driver.release);
		if (d->e.owner->state == OWNER_GOING)
			owner_raise_epoch(d->e.owner);
	}
	spin_unlock_irqrestore(&registry_lock, flags);
	return release;
}

/* The file stays on the books until the driver's release() has returned, so it
 * counts as a holder for as long as its task may be inside. */
void file_close(struct file *f)
{
	void (*release)(struct file *f);

	ASSERT(may_sleep());
	release = claim_release(f);
	sync_point("file:close");
	if (release)
		release(f);
	detach(f);
	kfree(f);
}
