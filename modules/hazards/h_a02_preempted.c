/* A2: a task is preempted inside the module.
 *
 *   CPU 1 (caller)                    CPU 0 (rmmod)
 *   open(): in its first lines,
 *   not counted yet
 *   (preempted by a task that
 *   does not let go of the CPU)
 *                                     the use count is 0
 *                                     free
 *   goes on in freed memory
 *
 * "Module code with a use count of 0 is allowed to call any function as long as
 * that function does not sleep. That rule used to be safe, but adding preempt has
 * turned that safe rule into a race": Keith Owens, linux-kernel 2002.
 */
#include "modules/hazards/hazard.h"

static int preempted_open(struct file *f)
{
	stand();
	return count_in(f);
}

static const struct chrdev_ops ops = { .open = preempted_open, .release = count_out, .ioctl = answer_probe };

static int __init preempted_init(void)
{
	return offer("h_a02_preempted", &ops);
}
module_init(preempted_init);

static void __exit preempted_exit(void)
{
	withdraw();
}
module_exit(preempted_exit);

HAZARD("A2", "preempted-inside", "Keith Owens, linux-kernel 2002",
       "cpus 2; insmod; call open 1 1; at 1; hog 1; at 2; unload revoke; try; go; out");
MODULE_DESCRIPTION("Hazard A2: preempted inside");
MODULE_LICENSE("MIT");
