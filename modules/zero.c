/* zero: an endless supply of zero bytes. It has no exit function: the core
 * closes its device by itself. */
#include "module/api.h"

static int zero_read(struct file *f, void *buf, u32 len)
{
	(void)f;
	memset(buf, 0, len);
	return (int)len;
}

static int zero_write(struct file *f, const void *buf, u32 len)
{
	(void)f, (void)buf;
	return (int)len;
}

static const struct chrdev_ops zero_ops = {
	.read = zero_read,
	.write = zero_write,
};

static int __init zero_init(void)
{
	struct chrdev *device = chrdev_register("zero", &zero_ops, NULL);

	return IS_ERR(device) ? PTR_ERR(device) : 0;
}

module_init(zero_init);
MODULE_DESCRIPTION("Zero bytes without end");
MODULE_LICENSE("MIT");
