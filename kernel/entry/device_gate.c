/* The gate before a device whose module is going, and the stubs that lead there. */
#include "entry/device.h"
#include "lib/errno.h"
#include "x86/panic.h"

bool gate_is_shut(const struct chrdev *d, bool opening)
{
	if (READ_ONCE(d->e.closed))
		return true;
	/* Files that are open may go on while the asker waits for their holders;
	 * new ones would keep it waiting for ever. */
	return opening && (READ_ONCE(d->e.owner->state) >= OWNER_GOING ||
	                   READ_ONCE(d->e.owner->draining));
}

int gate_pass(struct chrdev *d, bool opening, const bool *cut, u32 file_flags)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct owner *o = d->e.owner;
	int err;

	if (d->gone || o->marked) {
		spin_unlock_irqrestore(&registry_lock, flags);
		return -ENODEV;
	}
	if ((file_flags & FILE_NONBLOCK) && gate_is_shut(d, opening) && o->state != OWNER_GONE) {
		spin_unlock_irqrestore(&registry_lock, flags);
		return -EAGAIN;
	}
	owner_gate_enter(o);
	spin_unlock_irqrestore(&registry_lock, flags);

	err = wait_event(&o->gate, !gate_is_shut(d, opening) || READ_ONCE(o->state) == OWNER_GONE ||
	                           READ_ONCE(d->gone) || READ_ONCE(*cut));
	if (!err && (READ_ONCE(o->state) == OWNER_GONE || READ_ONCE(d->gone) || READ_ONCE(*cut)))
		err = -ENODEV;
	owner_gate_leave(o);
	return err;
}

/* -- stubs: closed ------------------------------------------------------------------
 * A caller may have fetched the driver's function just before close(). Nothing
 * stops it from calling; but it cannot hide either, since the address is on its
 * stack or in a register from then on, and an inspection comes after the close:
 *
 *   CPU 0 (file_read)                  CPU 1 (unload)
 *   fn = dev->to.read: the driver's
 *   preempted: fn lies on its stack
 *                                      dev->to.read = held_read
 *                                      inspects: finds fn, waits
 *   fn(...), and out again
 *                                      inspects: nobody
 *
 * A second call finds held_read. */

int held_read(struct file *f, void *buf, u32 len)
{
	read_fn fn;

	do {
		int err = gate_pass(f->dev, false, &f->cut, f->flags);
		if (err)
			return err;
		fn = READ_ONCE(READ_ONCE(f->to)->read);
	} while (fn == held_read);
	return fn(f, buf, len);
}

int held_write(struct file *f, const void *buf, u32 len)
{
	write_fn fn;

	do {
		int err = gate_pass(f->dev, false, &f->cut, f->flags);
		if (err)
			return err;
		fn = READ_ONCE(READ_ONCE(f->to)->write);
	} while (fn == held_write);
	return fn(f, buf, len);
}

int held_ioctl(struct file *f, u32 cmd, u32 arg)
{
	ioctl_fn fn;

	do {
		int err = gate_pass(f->dev, false, &f->cut, f->flags);
		if (err)
			return err;
		fn = READ_ONCE(READ_ONCE(f->to)->ioctl);
	} while (fn == held_ioctl);
	return fn(f, cmd, arg);
}
