/* E2: the handler is a function of the core, its argument an object of the module.
 *
 *   CPU 0 (rmmod)                     CPU 1 (timer interrupt)
 *   no record leads to a function
 *   of the module
 *   free
 *                                     wake_all(queue): the queue was the
 *                                     module's
 *
 * Derived.
 */
#include "modules/hazards/hazard.h"

static struct wait_queue queue = WAIT_QUEUE(queue, "h_e02");
static struct timer *timer;

static int wake_later(void)
{
	timer = timer_create("h_e02", (void (*)(void *))wake_all, &queue);
	return IS_ERR(timer) ? PTR_ERR(timer) : timer_arm(timer, 150 * stage.ms);
}

static int core_ioctl(struct file *f, u32 cmd, u32 arg)
{
	if (cmd == 1)
		return wake_later();
	return answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = core_ioctl };

static int __init core_init(void)
{
	return offer("h_e02_core", &ops);
}
module_init(core_init);

static void __exit core_exit(void)
{
	withdraw();
}
module_exit(core_exit);

HAZARD("E2", "core-function", "derived", "insmod; ask 1; sleep 2; unload; out; sleep 180");
MODULE_DESCRIPTION("Hazard E2: a function of the core works on the module's object");
MODULE_LICENSE("MIT");
