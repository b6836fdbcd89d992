/* The partner of hazard A7: its interrupt handler comes on top of who asks for it. */
#include "modules/hazards/hazard.h"
#include "modules/hazards/nested.h"

static struct timer *timer;

static void on_timer(void *arg)
{
	(void)arg;
	sync_point("h_a07:interrupt");	/* who is held here serves IPIs, and takes NMIs */
}

int interrupt_me(void)
{
	return timer_arm(timer, 50 * NSEC_PER_USEC);
}
EXPORT_SYMBOL(interrupt_me);

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init partner_init(void)
{
	timer = timer_create("h_a07", on_timer, NULL);
	return IS_ERR(timer) ? PTR_ERR(timer) : offer("h_a07_partner", &ops);
}
module_init(partner_init);

static void __exit partner_exit(void)
{
	withdraw();
	timer_destroy(timer);
}
module_exit(partner_exit);
MODULE_DESCRIPTION("Hazard A7: who interrupts");
MODULE_LICENSE("MIT");
