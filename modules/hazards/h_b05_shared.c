/* B5: a shared interrupt line goes on firing after one of its two drivers has gone.
 *
 *   CPU 0 (rmmod)                     CPU 1
 *   (exit forgets free_irq)
 *   free
 *                                     interrupt: calls every handler on the line
 *
 * Derived.
 */
#include "modules/hazards/hazard.h"
#include "modules/hazards/clock.h"

static enum irq_result not_mine(u32 irq, void *arg)
{
	(void)irq, (void)arg;
	atomic_add(&stage.at, 1);
	return IRQ_NONE;
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init shared_init(void)
{
	struct irq_action *a = request_irq(CLOCK_IRQ, not_mine, IRQF_SHARED, "h_b05", NULL);

	return IS_ERR(a) ? PTR_ERR(a) : offer("h_b05_shared", &ops);
}
module_init(shared_init);

static void __exit shared_exit(void)
{
	withdraw();
}
module_exit(shared_exit);
MODULE_DEPENDS("h_b05_partner");

HAZARD("B5", "shared-irq-later", "derived", "insmod; at 3; unload; out; sleep 20");
MODULE_DESCRIPTION("Hazard B5: a shared line, and free_irq forgotten");
MODULE_LICENSE("MIT");
