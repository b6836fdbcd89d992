/* C7: modules that depend on each other, wrong order first. This is right.
 */
#include "modules/hazards/hazard.h"

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init right_init(void)
{
	return offer("h_c07_right", &ops);
}
module_init(right_init);

static void __exit right_exit(void)
{
	withdraw();
}
module_exit(right_exit);
MODULE_DEPENDS("h_c07_base");

MODULE_DESCRIPTION("Hazard C7: the diamond's right");
MODULE_LICENSE("MIT");
