/* A3: a task sleeps in a function of the core that the module called.
 *
 *   CPU 1 (caller)                    CPU 0 (rmmod)
 *   open() calls into the core,
 *   before it counts itself,
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

static int asleep_open(struct file *f)
{
	sync_point("h_a03:asleep");
	return count_in(f);
}

static const struct chrdev_ops ops = { .open = asleep_open, .release = count_out, .ioctl = answer_probe };

static int __init asleep_init(void)
{
	return offer("h_a03_asleep", &ops);
}
module_init(asleep_init);

static void __exit asleep_exit(void)
{
	withdraw();
}
module_exit(asleep_exit);

HAZARD("A3", "asleep-inside", "Keith Owens, linux-kernel 2002",
       "hold h_a03:asleep; insmod; call open; held h_a03:asleep; unload revoke; try; "
       "free h_a03:asleep; out");
MODULE_DESCRIPTION("Hazard A3: asleep inside");
MODULE_LICENSE("MIT");
