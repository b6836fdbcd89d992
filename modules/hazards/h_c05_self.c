/* C5: the module asks for its own removal from inside.
 *
 *   CPU 0 (caller, in the module)
 *   rmmod(myself)
 *     nobody else uses it: free
 *   ret, into freed memory
 *
 * "A module cannot, in general, manipulate its own reference count": Peter, LWN,
 * 1 Aug 2003. Of its own removal that holds all the more.
 */
#include "modules/hazards/hazard.h"

static int self_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf, (void)len;
	return stage.rmmod("h_c05_self");
}

static const struct chrdev_ops ops = { COUNTED, .read = self_read, .ioctl = answer_probe };

static int __init self_init(void)
{
	return offer("h_c05_self", &ops);
}
module_init(self_init);

static void __exit self_exit(void)
{
	withdraw();
}
module_exit(self_exit);

HAZARD("C5", "self-unload", "Peter, LWN 2003", "insmod; call read; sleep 50; out");
MODULE_DESCRIPTION("Hazard C5: a module that unloads itself");
MODULE_LICENSE("MIT");
