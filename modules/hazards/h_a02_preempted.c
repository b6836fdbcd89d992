/* A2: a task is preempted inside the module.
 *
 *   CPU 1 (caller)                    CPU 0 (rmmod)
 *   read(): stands in the module
 *   (preempted by a task that
 *   does not let go of the CPU)
 *                                     nobody uses it any more (the file is cut off)
 *                                     free
 *   goes on in freed memory
 *
 * "Module code with a use count of 0 is allowed to call any function as long as
 * that function does not sleep. That rule used to be safe, but adding preempt has
 * turned that safe rule into a race": Keith Owens, linux-kernel 2002.
 */
#include "modules/hazards/hazard.h"

static int preempted_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	stand();
	return (int)len;
}

static const struct chrdev_ops ops = { .read = preempted_read, .ioctl = answer_probe };

static int __init preempted_init(void)
{
	return offer("h_a02_preempted", &ops);
}
module_init(preempted_init);

HAZARD("A2", "preempted-inside", "Keith Owens, linux-kernel 2002",
       "cpus 2; insmod; call read 1 1; at 1; hog 1; at 2; unload revoke; out 40; go; out");
MODULE_DESCRIPTION("Hazard A2: preempted inside");
MODULE_LICENSE("MIT");
