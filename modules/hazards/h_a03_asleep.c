/* A3: a task sleeps in a function of the core that the module called.
 *
 *   CPU 1 (caller)                    CPU 0 (rmmod)
 *   read() calls into the core
 *   and sleeps there: EIP is in
 *   the scheduler, a return
 *   address is in the module
 *                                     looks at EIPs: none is in the module
 *                                     free
 *   wakes, returns into nothing
 *
 * "Simply looking at the EIP after freeze is not enough": Keith Owens,
 * linux-kernel 2002.
 */
#include "modules/hazards/hazard.h"

static int asleep_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	sync_point("h_a03:asleep");
	return (int)len;
}

static const struct chrdev_ops ops = { .read = asleep_read, .ioctl = answer_probe };

static int __init asleep_init(void)
{
	return offer("h_a03_asleep", &ops);
}
module_init(asleep_init);

HAZARD("A3", "asleep-inside", "Keith Owens, linux-kernel 2002",
       "hold h_a03:asleep; insmod; call read; held h_a03:asleep; unload revoke; out 40; "
       "free h_a03:asleep; out");
MODULE_DESCRIPTION("Hazard A3: asleep inside");
MODULE_LICENSE("MIT");
