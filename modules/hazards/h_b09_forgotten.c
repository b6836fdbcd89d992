/* B9: exit forgets everything: a device, an interrupt, a timer, a thread and three
 * allocations.
 *
 *   CPU 0 (rmmod)                     everybody else
 *   exit: nothing
 *   free
 *                                     the device's functions, the interrupt's and
 *                                     the timer's handler, the thread's code: gone
 *
 * "Ideally, you change things in the kernel core such that drivers become safe
 * automatically": Peter, LWN, 1 Aug 2003.
 */
#include "modules/hazards/hazard.h"
#include "modules/hazards/clock.h"

static struct timer *timer;

static enum irq_result on_irq(u32 irq, void *arg)
{
	(void)irq, (void)arg;
	return clock_has_ticked() ? IRQ_HANDLED : IRQ_NONE;
}

static void on_timer(void *arg)
{
	(void)arg;
	timer_arm(timer, NSEC_PER_MSEC);
}

static void run(void *arg)
{
	(void)arg;
	while (sleep_interruptible_ns(NSEC_PER_MSEC) == 0)
		;
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init forgotten_init(void)
{
	struct irq_action *a = request_irq(CLOCK_IRQ, on_irq, 0, "h_b09", NULL);
	struct thread *t = kthread_run(run, NULL, "h_b09");

	timer = timer_create("h_b09", on_timer, NULL);
	if (IS_ERR(a) || IS_ERR(t) || IS_ERR(timer) || !kmalloc(10) || !kmalloc(1000) || !kmalloc(10000))
		return -ENOMEM;
	clock_start();
	timer_arm(timer, NSEC_PER_MSEC);
	return offer("h_b09_forgotten", &ops);
}
module_init(forgotten_init);

static void __exit forgotten_exit(void)
{
	clock_stop();	/* what the chip does is not the kernel's to know */
}
module_exit(forgotten_exit);

HAZARD("B9", "forgotten", "Peter, LWN 2003", "insmod; sleep 5; unload; out; sleep 20");
MODULE_DESCRIPTION("Hazard B9: an exit that forgets everything");
MODULE_LICENSE("MIT");
