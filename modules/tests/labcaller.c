/* labcaller: a driver whose read() waits in a library, for the tests. */
#include "module/api.h"

int labwait_for_ever(void);

static int labcaller_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf, (void)len;
	return labwait_for_ever();
}

static const struct chrdev_ops ops = { .read = labcaller_read };

static int __init labcaller_init(void)
{
	struct chrdev *device = chrdev_register("labcaller", &ops, NULL);

	return IS_ERR(device) ? PTR_ERR(device) : 0;
}
module_init(labcaller_init);

MODULE_DEPENDS("labwait");
MODULE_DESCRIPTION("Tests: waits in a library");
MODULE_NEEDS("patience");
MODULE_LICENSE("MIT");
