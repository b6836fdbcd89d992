/* C2: init offers a device, it is used at once, then init fails.
 *
 *   CPU 0 (insmod)                    CPU 1 (caller)
 *   init: chrdev_register()
 *                                     open, read: inside
 *   init: -EIO
 *   free
 *                                     goes on in freed memory
 *
 * Derived. E14: the loader is killed while it waits, and the insider leaves after that: the
 * loader cannot end the load any more.
 */
#include "modules/hazards/hazard.h"

static int failing_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	stand();
	return (int)len;
}

static const struct chrdev_ops ops = { COUNTED, .read = failing_read, .ioctl = answer_probe };

static int __init failing_init(void)
{
	int err = offer("h_c02_init_fails", &ops);

	sync_point("h_c02:offered");
	return err ? err : -EIO;
}
module_init(failing_init);

static void __exit failing_exit(void)
{
	withdraw();
}
module_exit(failing_exit);

HAZARD("C2", "init-fails-late", "derived",
       "hold h_c02:offered; load; held h_c02:offered; call read 1 1; at 1; free h_c02:offered; "
       "sleep 40; go; out");
HAZARD("E14", "failed-init-busy", "derived",
       "hold h_c02:offered; load; held h_c02:offered; call read 1 1; at 1; "
       "free h_c02:offered aside; sleep 20; kill; out; go; left; gone");
MODULE_DESCRIPTION("Hazard C2: init fails when it is too late");
MODULE_LICENSE("MIT");
