/* E8: a reader of the module sleeps in a function of a library.
 *
 *   CPU 1 (reader)                    CPU 0 (rmmod -r)
 *   user.read -> library: sleeps
 *                                     sends home all that sleep in the module:
 *                                     this one sleeps in another
 *                                     waits for it until its deadline
 *
 * Derived. A wait belongs to every module on the stack, not to the innermost one.
 */
#include "modules/hazards/hazard.h"
#include "modules/hazards/e_library.h"

static int wait_read(struct file *f, void *buf, u32 len)
{
	int err = e_wait();

	(void)f, (void)buf;
	return err ? err : (int)len;
}

static const struct chrdev_ops ops = { COUNTED, .read = wait_read, .ioctl = answer_probe };

static int __init wait_init(void)
{
	return offer("h_e08_wait", &ops);
}
module_init(wait_init);

static void __exit wait_exit(void)
{
	withdraw();
}
module_exit(wait_exit);

HAZARD("E8", "wait-in-library", "derived",
       "insmod; call read 1; at 1; unload brief revoke; try 200; out; go; wake; left");
MODULE_DESCRIPTION("Hazard E8: asleep in a library");
MODULE_LICENSE("MIT");
