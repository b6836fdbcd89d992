/* A18: the entry in a wait queue lies in the module, queue and waker do not.
 *
 *   CPU 1 (caller)                    CPU 0 (rmmod)           CPU 2 (waker)
 *   enters w, which lies in the
 *   module, into a queue of the core
 *   and sleeps
 *                                     free
 *                                                             follows the queue to w
 *
 * "Any time you put yourself on a wait queue or similar, you need a reference":
 * Peter, LWN, 1 Aug 2003.
 */
#include "modules/hazards/hazard.h"

static struct waiter w;		/* one caller at a time */

static int entry_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf, (void)len;
	wait_prepare(&stage.queue, &w);
	atomic_add(&stage.at, 1);
	int err = wait_sleep(&w, WAIT_FOREVER);
	wait_finish(&w);
	return err;
}

static const struct chrdev_ops ops = { COUNTED, .read = entry_read, .ioctl = answer_probe };

static int __init entry_init(void)
{
	return offer("h_a18_wait_entry", &ops);
}
module_init(entry_init);

static void __exit entry_exit(void)
{
	withdraw();
}
module_exit(entry_exit);

HAZARD("A18", "wait-entry", "Peter, LWN 2003",
       "insmod; call read; at 1; sleep 5; unload revoke; out; wake; sleep 5");
MODULE_DESCRIPTION("Hazard A18: a wait-queue entry in the module");
MODULE_LICENSE("MIT");
