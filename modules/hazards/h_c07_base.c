/* C7: modules that depend on each other, wrong order first.
 *
 *        top          rmmod base: refused, by left and right
 *       /   \         rmmod top, left, right, base: each goes
 *     left  right
 *       \   /
 *        base
 *
 * The slate is cleaned in the right order afterwards, and the balance checked. This is base.
 */
#include "modules/hazards/hazard.h"

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init base_init(void)
{
	return offer("h_c07_base", &ops);
}
module_init(base_init);

static void __exit base_exit(void)
{
	withdraw();
}
module_exit(base_exit);

HAZARD("C7", "dependents", "derived", "insmod h_c07_top; unload; out");
MODULE_DESCRIPTION("Hazard C7: the diamond's base");
MODULE_LICENSE("MIT");
