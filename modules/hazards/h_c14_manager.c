/* The other device in hazard C14: through it one may ask for another driver's removal
 * (1); and it has an everyday function (0). */
#include "modules/hazards/hazard.h"

static int manager_ioctl(struct file *f, u32 cmd, u32 arg)
{
	return cmd == 1 ? stage.rmmod("h_c14_frozen") : answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = manager_ioctl };

static int __init manager_init(void)
{
	return offer("h_c14_manager", &ops);
}
module_init(manager_init);

static void __exit manager_exit(void)
{
	withdraw();
}
module_exit(manager_exit);

MODULE_DESCRIPTION("Hazard C14: a device through which drivers are managed");
MODULE_LICENSE("MIT");
