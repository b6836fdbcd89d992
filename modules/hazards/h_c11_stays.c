/* C11, C12: quiescence cannot be reached, or whoever asked is killed meanwhile.
 *
 *   CPU 1 (caller)                    CPU 0 (rmmod)
 *   inside, and stays
 *                                     off the lists, gates shut
 *                                     waits ... the deadline (C11), or killed (C12)
 *   must be able to go on:            must put all of it back
 *   open, read, ioctl
 *
 * "Either mark the module for delayed delete or reactivate the module by calling the
 * module's register routine": Keith Owens, linux-kernel 2002. C19: as many stay as
 * there are CPUs, so whoever is moved to the front of the run queues for them must
 * not lose his own place. C12p: a process asked, so its own end is what interrupts it.
 */
#include "modules/hazards/hazard.h"

static int staying_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	stand();
	return (int)len;
}

static const struct chrdev_ops ops = { COUNTED, .read = staying_read, .ioctl = answer_probe };

static int __init staying_init(void)
{
	return offer("h_c11_stays", &ops);
}
module_init(staying_init);

static void __exit staying_exit(void)
{
	withdraw();
}
module_exit(staying_exit);

HAZARD("C19", "insiders-everywhere", "derived",
       "insmod; call read 1 0; call read 1 1; call read 1 2; call read 1 3; call read 1 4; "
       "call read 1 5; call read 1 6; call read 1 7; sleep 50; unload brief revoke; out");
HAZARD("C12", "killed-rmmod", "derived",
       "insmod; call read 1 1; at 1; unload revoke; sleep 40; kill; out");
HAZARD("C12p", "killed-rmmod-process", "derived",
       "insmod; call read 1 1; at 1; rmmod revoke; sleep 40; kill; out");
HAZARD("C11", "failed-quiesce", "Keith Owens, linux-kernel 2002",
       "insmod; call read 1 1; at 1; unload brief revoke; out");
MODULE_DESCRIPTION("Hazards C11, C12, C19: somebody stays inside");
MODULE_LICENSE("MIT");
