/* What an unload asks about open files: who has them, cut them off, tell the
 * driver that they are gone. */
#include "entry/device.h"
#include "lib/string.h"

/* The devices of `o` that are registered. Caller holds registry_lock. */
#define for_each_device_of(d, o)                                                \
	list_for_each(d, &devices, node)                                        \
		if ((d)->e.owner == (o))

bool owner_file_holder(struct owner *o, u32 i, struct file_holder *out)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct chrdev *d;
	struct file *f;
	bool found = false;

	for_each_device_of(d, o)
		list_for_each(f, &d->files, node) {
			if (found || f->revoked || i--)
				continue;
			found = true;
			strlcpy(out->dev, d->e.name, sizeof(out->dev));
			out->task_id = f->task_id;
			memcpy(out->task_name, f->task_name, sizeof(out->task_name));
			out->opened_at = f->opened_at;
		}
	spin_unlock_irqrestore(&registry_lock, flags);
	return found;
}

u32 owner_open_files(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct chrdev *d;
	u32 n = 0;

	for_each_device_of(d, o)
		n += device_count_files(d);
	spin_unlock_irqrestore(&registry_lock, flags);
	return n;
}

/* A call may have seen `revoked` as false just before. It is then on its way
 * into the driver as if it had come earlier, or finds a stub and is cut at the
 * gate; and a sleeper inside is sent home by the look at the gate, as long as
 * the module is GOING. */
u32 owner_revoke_files(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct chrdev *d;
	struct file *f;
	u32 n = 0;

	for_each_device_of(d, o)
		list_for_each(f, &d->files, node)
			if (!f->revoked) {
				WRITE_ONCE(f->revoked, true);
				n++;
			}
	wake_all(&o->gate);
	spin_unlock_irqrestore(&registry_lock, flags);
	wait_recheck_range(o->base, o->size);
	return n;
}

/* Claims the next file whose driver has not been told. */
static struct file *next_unreleased(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct file *f, *found = NULL;
	struct chrdev *d;

	for_each_device_of(d, o)
		list_for_each(f, &d->files, node)
			if (!found && f->release == FILE_OPEN)
				found = f;
	if (found)
		found->release = FILE_RELEASING;
	spin_unlock_irqrestore(&registry_lock, flags);
	return found;
}

void owner_release_files(struct owner *o)
{
	struct file *f;
	u32 flags;

	while ((f = next_unreleased(o))) {
		/* file_close() waits for FILE_RELEASED, so `f` stays. */
		if (f->dev->driver.release)
			f->dev->driver.release(f);
		flags = spin_lock_irqsave(&registry_lock);
		WRITE_ONCE(f->release, FILE_RELEASED);
		wake_all(&o->gate);
		spin_unlock_irqrestore(&registry_lock, flags);
	}
}
