/* A6: core code holds the module's function pointer in a register, and nowhere else.
 *
 *   CPU 1 (file_read, in the core)    CPU 0 (rmmod)
 *   fn = dev->read, in ESI
 *   (preempted: ESI is saved)
 *                                     no EIP and no return address in the module
 *                                     free
 *   call *ESI
 *
 * Derived. The inspection must read saved registers, too.
 */
#include "modules/hazards/hazard.h"

static int register_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	return (int)len;
}

static const struct chrdev_ops ops = { .read = register_read, .ioctl = answer_probe };

static int __init register_init(void)
{
	return offer("h_a06_register", &ops);
}
module_init(register_init);

HAZARD("A6", "pointer-in-register", "derived",
       "insmod; hold file:read; call read; held file:read; unload revoke; out 40; free file:read; out");
MODULE_DESCRIPTION("Hazard A6: a function pointer in a register");
MODULE_LICENSE("MIT");
