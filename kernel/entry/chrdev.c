/* Character devices: the record, from registration to its end. */
#include "entry/device.h"
#include "entry/turnstile.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "x86/console.h"
#include "x86/panic.h"

struct list devices = LIST_INIT(devices);

/* -- stubs: what the driver does not offer ------------------------------------ */

static int no_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf, (void)len;
	return -EINVAL;
}

static int no_write(struct file *f, const void *buf, u32 len)
{
	(void)f, (void)buf, (void)len;
	return -EINVAL;
}

static int no_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)f, (void)cmd, (void)arg;
	return -ENOTTY;
}

/* -- stubs: unregistered -------------------------------------------------------- */

static int gone_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf, (void)len;
	return -ENODEV;
}

static int gone_write(struct file *f, const void *buf, u32 len)
{
	(void)f, (void)buf, (void)len;
	return -ENODEV;
}

static int gone_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)f, (void)cmd, (void)arg;
	return -ENODEV;
}

const struct chrdev_leads leads_nowhere = { gone_read, gone_write, gone_ioctl };

/* -- the record ----------------------------------------------------------------------- */

/* Caller holds registry_lock, or nobody else knows the record. */
static void lead_to(struct chrdev *d, read_fn read, write_fn write, ioctl_fn ioctl)
{
	WRITE_ONCE(d->to.read, read);
	WRITE_ONCE(d->to.write, write);
	WRITE_ONCE(d->to.ioctl, ioctl);
}

static struct chrdev *to_chrdev(struct entry *e)
{
	return container_of(e, struct chrdev, e);
}

static void chrdev_close(struct entry *e)
{
	lead_to(to_chrdev(e), held_read, held_write, held_ioctl);
}

static void chrdev_reopen(struct entry *e)
{
	struct chrdev *d = to_chrdev(e);

	lead_to(d, d->driver.read, d->driver.write, d->driver.ioctl);
}

/* A few of the files of a device that is gone. False: there are no more. */
static bool lose_some_files(struct chrdev *d)
{
	struct list dead = LIST_INIT(dead);
	u32 n = 0, flags = spin_lock_irqsave(&registry_lock);

	for (u32 i = 0; i < FILES_GONE; i++) {
		for (; n < FILES_AT_ONCE && !list_empty(&d->files[i]); n++) {
			struct file *f = list_first(&d->files[i], struct file, node);

			if (file_lost_device(f))
				list_add_tail(&dead, &f->node);
		}
	}
	spin_unlock_irqrestore(&registry_lock, flags);
	while (!list_empty(&dead)) {
		struct file *f = list_first(&dead, struct file, node);

		list_del(&f->node);
		file_free(f);
	}
	return n == FILES_AT_ONCE;
}

static void chrdev_unlink(struct entry *e)
{
	struct chrdev *d = to_chrdev(e);
	u32 flags = spin_lock_irqsave(&registry_lock);

	WRITE_ONCE(d->gone, true);
	lead_to(d, gone_read, gone_write, gone_ioctl);
	list_del(&d->node);
	wake_all(&e->owner->gate);	/* callers wait there, whichever owner goes */
	bool used = d->refs > 1;
	spin_unlock_irqrestore(&registry_lock, flags);
	while (used && lose_some_files(d))
		;
}

void device_put(struct chrdev *d)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool last = --d->refs == 0;

	spin_unlock_irqrestore(&registry_lock, flags);
	if (last)
		kfree(d);
}

/* Files that are open keep the record; the last of them frees it:
 *
 *   CPU 0 (file_free)                CPU 1 (chrdev_unregister)
 *                                    gone, unlinked
 *   off dev->files
 *                                    refs 2 -> 1
 *   refs 1 -> 0: frees
 *
 * Both decrements are under registry_lock, so exactly one of them sees 0. */
static void chrdev_free(struct entry *e)
{
	device_put(to_chrdev(e));
}

static void chrdev_describe(struct entry *e, char *buf, u32 size)
{
	snprintf(buf, size, "device %s, %u open", e->name, to_chrdev(e)->nr_open);
}

static const struct entry_ops chrdev_entry_ops = {
	.kind = "device",
	.close = chrdev_close,
	.reopen = chrdev_reopen,
	.unlink = chrdev_unlink,
	.free = chrdev_free,
	.describe = chrdev_describe,
};

struct chrdev *device_find(const char *name)
{
	struct chrdev *d;

	ASSERT(spin_held(&registry_lock));
	list_for_each(d, &devices, node)
		if (streq(d->e.name, name))
			return d;
	return NULL;
}

/* A call into the driver shows on its task's stack by the function alone, while what lies
 * behind the file is found from there: so both have to lie in one module. */
static bool is_of_one_module(const char *name, const struct entry_part *part, u32 nr)
{
	const struct owner *owner = &core_owner;

	for (u32 i = 0; i < nr; i++) {
		const struct owner *o = owner_of(part[i].addr);

		if (o == &core_owner || o == owner)
			continue;
		if (owner != &core_owner) {
			printk("device %s: its functions and data lie in two modules, %s and %s; "
			       "wrap those of the other one\n", name, owner->name, o->name);
			return false;
		}
		owner = o;
	}
	return true;
}

static void *publish(struct chrdev *d, const char *name, const struct entry_part *part, u32 nr)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	int err = -EEXIST;

	if (!device_find(name))
		err = entry_add_locked(&d->e, &chrdev_entry_ops, name, part, nr);
	if (!err)
		list_add_tail(&devices, &d->node);
	void *handle = err ? ERR_PTR(err) : entry_handle(&d->e);
	spin_unlock_irqrestore(&registry_lock, flags);
	return handle;
}

struct chrdev *chrdev_register(const char *name, const struct chrdev_ops *ops, void *private)
{
	const struct entry_part part[] = {
		{ "open function", (u32)ops->open }, { "release function", (u32)ops->release },
		{ "read function", (u32)ops->read }, { "write function", (u32)ops->write },
		{ "ioctl function", (u32)ops->ioctl }, { "private data", (u32)private },
		ENTRY_MAKER((u32)__builtin_return_address(0)),
	};
	struct chrdev *d;

	if (!is_of_one_module(name, part, ARRAY_SIZE(part) - 1))
		return ERR_PTR(-EINVAL);
	if (!*name || strlen(name) >= sizeof(d->e.name)) {
		printk("device \"%s\": a name has 1 to %u characters\n", name, (u32)sizeof(d->e.name) - 1);
		return ERR_PTR(-EINVAL);
	}
	d = kzalloc(sizeof(*d));
	if (!d)
		return ERR_PTR(-ENOMEM);
	d->driver = *ops;
	d->driver.read = ops->read ? ops->read : no_read;
	d->driver.write = ops->write ? ops->write : no_write;
	d->driver.ioctl = ops->ioctl ? ops->ioctl : no_ioctl;
	d->private = private;
	d->refs = 1;
	for (u32 i = 0; i < NR_FILE_LISTS; i++)
		list_init(&d->files[i]);
	lead_to(d, d->driver.read, d->driver.write, d->driver.ioctl);
	struct chrdev *handle = publish(d, name, part, ARRAY_SIZE(part));
	if (IS_ERR(handle))
		kfree(d);
	return handle;
}

int chrdev_unregister(struct chrdev *handle)
{
	return entry_destroy(handle, &chrdev_entry_ops, (u32)__builtin_return_address(0));
}

void *chrdev_private(const struct chrdev *handle)
{
	u32 flags = irq_save();
	struct entry *e = entry_find(handle, &chrdev_entry_ops);
	void *private = e ? to_chrdev(e)->private : NULL;

	irq_restore(flags);
	return private;
}

bool chrdev_nth(u32 i, char *name, u32 size, char *owner, u32 owner_size)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct chrdev *d;
	bool found = false;

	list_for_each(d, &devices, node)
		if (!i--) {
			strlcpy(name, d->e.name, size);
			strlcpy(owner, d->e.owner->name, owner_size);
			found = true;
			break;
		}
	spin_unlock_irqrestore(&registry_lock, flags);
	return found;
}
