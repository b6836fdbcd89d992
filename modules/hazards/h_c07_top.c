/* C7: modules that depend on each other, wrong order first. This is top.
 */
#include "modules/hazards/hazard.h"

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init top_init(void)
{
	return offer("h_c07_top", &ops);
}
module_init(top_init);

static void __exit top_exit(void)
{
	withdraw();
}
module_exit(top_exit);
MODULE_DEPENDS("h_c07_left,h_c07_right");

MODULE_DESCRIPTION("Hazard C7: the diamond's top");
MODULE_LICENSE("MIT");
