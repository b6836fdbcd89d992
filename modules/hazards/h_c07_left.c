/* C7: modules that depend on each other, wrong order first. This is left.
 */
#include "modules/hazards/hazard.h"

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init left_init(void)
{
	return offer("h_c07_left", &ops);
}
module_init(left_init);

static void __exit left_exit(void)
{
	withdraw();
}
module_exit(left_exit);
MODULE_DEPENDS("h_c07_base");

MODULE_DESCRIPTION("Hazard C7: the diamond's left");
MODULE_LICENSE("MIT");
