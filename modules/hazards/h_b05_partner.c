/* The other driver on the line of hazard B5: it stays, and keeps the line alive. */
#include "modules/hazards/hazard.h"
#include "modules/hazards/clock.h"

static enum irq_result on_tick(u32 irq, void *arg)
{
	(void)irq, (void)arg;
	return clock_has_ticked() ? IRQ_HANDLED : IRQ_NONE;
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init partner_init(void)
{
	struct irq_action *a = request_irq(CLOCK_IRQ, on_tick, IRQF_SHARED, "h_b05 partner", NULL);

	if (IS_ERR(a))
		return PTR_ERR(a);
	clock_start();
	return offer("h_b05_partner", &ops);
}
module_init(partner_init);

static void __exit partner_exit(void)
{
	withdraw();
	clock_stop();
}
module_exit(partner_exit);
MODULE_DESCRIPTION("Hazard B5: who shares the line");
MODULE_LICENSE("MIT");
