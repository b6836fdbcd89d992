/* A14: a task has the core's record of the module in hand, not yet the function in it.
 *
 *   CPU 1 (in the core)               CPU 0 (rmmod)
 *   f: an open file of the module
 *                                     nobody is inside, no address on any stack
 *                                     free
 *   f->dev->read
 *
 * Derived. C9 is the same under force, which does not ask who has it open.
 */
#include "modules/hazards/hazard.h"

static int record_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	return (int)len;
}

static const struct chrdev_ops ops = { COUNTED, .read = record_read, .ioctl = answer_probe };

static int __init record_init(void)
{
	return offer("h_a14_record", &ops);
}
module_init(record_init);

static void __exit record_exit(void)
{
	withdraw();
}
module_exit(record_exit);

HAZARD("C9", "forced", "Rusty Russell, linux-kernel 2004",
       "insmod; hold hazard:opened; call read; held hazard:opened; unload force; out; "
       "free hazard:opened aside; sleep 5");
HAZARD("A14", "record-in-hand", "derived",
       "insmod; hold hazard:opened; call read; held hazard:opened; unload revoke; out; "
       "free hazard:opened aside; sleep 5");
MODULE_DESCRIPTION("Hazards A14, C9: a record in hand");
MODULE_LICENSE("MIT");
