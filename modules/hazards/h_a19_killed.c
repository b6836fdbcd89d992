/* A19: a task is killed while it is inside.
 *
 *   CPU 1 (caller)                    CPU 0
 *   in the module
 *                                     kill: the task counts as gone
 *                                     rmmod: free
 *   goes on until it next looks
 *
 * Derived. A16: tasks are switched, migrated and born while they are looked for.
 */
#include "modules/hazards/hazard.h"

static int killed_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	stand();
	return (int)len;
}

/* In and out, over and over, always about to be somewhere else. */
static int killed_write(struct file *f, const void *buf, u32 len)
{
	(void)f, (void)buf;
	atomic_add(&stage.at, 1);
	while (!stage.go)
		yield();
	return (int)len;
}

static const struct chrdev_ops ops = {
	COUNTED, .read = killed_read, .write = killed_write, .ioctl = answer_probe,
};

static int __init killed_init(void)
{
	return offer("h_a19_killed", &ops);
}
module_init(killed_init);

static void __exit killed_exit(void)
{
	withdraw();
}
module_exit(killed_exit);

HAZARD("A19", "killed-inside", "derived",
       "insmod; call read 1 1; at 1; kill 1; unload revoke; try; go; out");
HAZARD("A16", "mid-switch", "derived",
       "insmod; call write; call write; call write; call write; call write; call write; at 6; "
       "unload revoke; call open; call open; try; go; out");
MODULE_DESCRIPTION("Hazards A16, A19: killed or switched while inside");
MODULE_LICENSE("MIT");
