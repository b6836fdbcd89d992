/* Files that a module opens: records of that module, named and taken back like all others.
 * What the module holds is a handle, so that one which was passed on to another module is
 * an error to use when its opener has gone. */
#include "entry/module_file.h"
#include "entry/device.h"
#include "lib/errno.h"
#include "lib/format.h"

static struct file *to_file(struct entry *e)
{
	return container_of(e, struct file, e);
}

static void file_stays(struct entry *e)
{
	(void)e;
}

/* By the unload, when exit has forgotten it; or by the module itself. */
static void file_entry_unlink(struct entry *e)
{
	if (READ_ONCE(e->owner->state) == OWNER_GONE && READ_ONCE(e->owner->exiting) != current)
		file_take_back(to_file(e));
	else
		file_end_by_holder(to_file(e));
}

static void file_entry_free(struct entry *e)
{
	file_drop(to_file(e));
}

static void file_entry_describe(struct entry *e, char *buf, u32 size)
{
	snprintf(buf, size, "file %s, open", e->name);
}

static const struct entry_ops file_entry_ops = {
	.kind = "file",
	.close = file_stays,
	.reopen = file_stays,
	.unlink = file_entry_unlink,
	.free = file_entry_free,
	.describe = file_entry_describe,
};

struct file *module_file_open(const char *name, u32 flags)
{
	const struct entry_part maker = ENTRY_MAKER((u32)__builtin_return_address(0));
	struct file *f;

	if (READ_ONCE(owner_of(maker.addr)->state) == OWNER_GONE)
		return ERR_PTR(-ENODEV);	/* an exit begins nothing new */
	f = file_open(name, flags);
	if (IS_ERR(f))
		return f;
	struct file *handle = entry_add(&f->e, &file_entry_ops, name, &maker, 1);
	if (IS_ERR(handle))
		file_close(f);
	return handle;
}

/* The file, which stays until let_go(); or ERR_PTR. A call on it is in progress from here on:
 *
 *	CPU 0 (a library: file_read)		CPU 1 (unload of the opener)
 *	lock: finds it, calls 0 -> 1
 *						lock: a call is in progress: cuts the file
 *						off, waits for its end
 *	reads; lock: calls 1 -> 0, ends it
 *						the record goes
 * and the other way round, where the handle is not found. */
static struct file *hold(struct file *handle)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry *e = entry_find(handle, &file_entry_ops);
	struct file *f = e ? to_file(e) : ERR_PTR(-ENODEV);

	if (e && READ_ONCE(f->calls) && READ_ONCE(f->user) != current)
		f = ERR_PTR(-EBUSY);	/* another task's, for now */
	if (!IS_ERR(f)) {
		WRITE_ONCE(f->user, current);
		add_once(f->calls, 1u);
	}
	spin_unlock_irqrestore(&registry_lock, flags);
	return f;
}

static void let_go(struct file *f)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool ended;

	add_once(f->calls, -1u);
	ended = !f->calls && f->watched;

	spin_unlock_irqrestore(&registry_lock, flags);
	if (ended)
		file_call_ended(f);
}

int module_file_read(struct file *handle, void *buf, u32 len)
{
	struct file *f = hold(handle);
	int n;

	if (IS_ERR(f))
		return PTR_ERR(f);
	n = file_read(f, buf, len);
	let_go(f);
	return n;
}

int module_file_write(struct file *handle, const void *buf, u32 len)
{
	struct file *f = hold(handle);
	int n;

	if (IS_ERR(f))
		return PTR_ERR(f);
	n = file_write(f, buf, len);
	let_go(f);
	return n;
}

int module_file_ioctl(struct file *handle, u32 cmd, u32 arg)
{
	struct file *f = hold(handle);
	int n;

	if (IS_ERR(f))
		return PTR_ERR(f);
	n = file_ioctl(f, cmd, arg);
	let_go(f);
	return n;
}

/* The close takes effect with the end of the call that hold() began. */
int module_file_close(struct file *handle)
{
	struct file *f;

	if (!entry_may_wait(handle, &file_entry_ops, (u32)__builtin_return_address(0)))
		return -EDEADLK;
	f = hold(handle);
	if (IS_ERR(f))
		return PTR_ERR(f);
	file_close(f);
	let_go(f);
	return 0;
}
