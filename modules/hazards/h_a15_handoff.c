/* A15: a task inside hands work to one that was inspected before, and leaves.
 *
 *   CPU 0 (rmmod)                     CPU 1 (inside, preemption off)
 *   inspects the worker: clean
 *                                     work_queue(module's function)
 *                                     leaves
 *   inspects CPU 1: clean
 *   free
 *   the worker calls the function
 *
 * Derived. E13: the same, and each counter of the safety path reaches the end of its 32 bits
 * meanwhile.
 */
#include "modules/hazards/hazard.h"

static struct work *work;

static void on_work(void *arg)
{
	(void)arg;
}

static int handoff_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	preempt_disable();
	stand();
	work_queue(work);
	preempt_enable();
	return (int)len;
}

static const struct chrdev_ops ops = { COUNTED, .read = handoff_read, .ioctl = answer_probe };

static int __init handoff_init(void)
{
	work = work_create("h_a15", on_work, NULL);
	return IS_ERR(work) ? PTR_ERR(work) : offer("h_a15_handoff", &ops);
}
module_init(handoff_init);

static void __exit handoff_exit(void)
{
	withdraw();
	work_destroy(work);
}
module_exit(handoff_exit);

HAZARD("A15", "hand-off", "derived",
       "cpus 2; insmod; call read 1 1; at 1; unload revoke; try; go; out; sleep 10");
HAZARD("E13", "counter-wraps", "derived",
       "cpus 2; insmod; wrap; insmod h_c10_life; insmod h_d02_range; call read 1 1; at 1; "
       "unload revoke; try; go; out; sleep 10");
MODULE_DESCRIPTION("Hazard A15: work handed on");
MODULE_LICENSE("MIT");
