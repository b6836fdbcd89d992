/* The B of hazard A13: calls back whoever calls it. */
#include "modules/hazards/hazard.h"

static int partner_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf, (void)len;
	struct file *back = file_open("h_a13_recursion", 0);

	if (IS_ERR(back))
		return PTR_ERR(back);
	int err = file_ioctl(back, 1, 0);
	file_close(back);
	return err;
}

static const struct chrdev_ops ops = { COUNTED, .read = partner_read, .ioctl = answer_probe };

static int __init partner_init(void)
{
	return offer("h_a13_partner", &ops);
}
module_init(partner_init);

static void __exit partner_exit(void)
{
	withdraw();
}
module_exit(partner_exit);
MODULE_DESCRIPTION("Hazard A13: the partner");
MODULE_LICENSE("MIT");
