/* B10: a task has the device open, and reads and asks in a loop.
 *
 *   CPU 1 (caller)                    CPU 0 (rmmod)
 *   open
 *   read, ioctl, read, ioctl ...
 *                                     in use: says by whom (B10)
 *                                     cuts the file off, free (B10r)
 *   read: -ENODEV
 *
 * What the use count was made for; LWN 41726 and the thread below it, 2003. B16: the
 * open file points into the module's heap, and nobody is inside. B10w: the asker is ready to wait,
 * and the holder closes its file meanwhile. (Linux had that, rmmod -w, until 3.13.)
 */
#include "modules/hazards/hazard.h"

static int open_read(struct file *f, void *buf, u32 len)
{
	(void)f;
	memset(buf, 'x', len);
	return (int)len;
}

/* The core's record of the file points to the module's own memory from here on. */
static int open_open(struct file *f)
{
	f->private = kmalloc(64);
	return f->private ? count_in(f) : -ENOMEM;
}

static void open_release(struct file *f)
{
	memset(f->private, 0, 64);
	kfree(f->private);
	count_out(f);
}

static const struct chrdev_ops ops = {
	.open = open_open, .release = open_release, .read = open_read, .ioctl = answer_probe,
};

static int __init open_init(void)
{
	return offer("h_b10_open", &ops);
}
module_init(open_init);

static void __exit open_exit(void)
{
	withdraw();
}
module_exit(open_exit);

HAZARD("B16", "heap-pointer", "derived",
       "insmod; hold hazard:opened; call read; held hazard:opened; unload revoke; out; "
       "free hazard:opened aside; sleep 10");
HAZARD("B10r", "open-file-revoked", "derived",
       "insmod; call loop; call loop; sleep 5; unload revoke; out; sleep 5");
HAZARD("B10w", "open-file-awaited", "Rusty Russell, linux-kernel 2004",
       "insmod; hold hazard:opened; call read; held hazard:opened; unload wait; try; "
       "free hazard:opened; out");
HAZARD("B10", "open-file", "LWN 41726, 2003", "insmod; call loop; call loop; sleep 5; unload; out");
MODULE_DESCRIPTION("Hazards B10, B10w, B16: held open");
MODULE_LICENSE("MIT");
