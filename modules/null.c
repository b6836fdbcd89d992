/* null: takes everything, gives nothing. The smallest driver there is. */
#include "module/api.h"

static struct chrdev *device;

static int null_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf, (void)len;
	return 0;
}

static int null_write(struct file *f, const void *buf, u32 len)
{
	(void)f, (void)buf;
	return (int)len;
}

static const struct chrdev_ops null_ops = {
	.read = null_read,
	.write = null_write,
};

static int __init null_init(void)
{
	device = chrdev_register("null", &null_ops, NULL);
	return IS_ERR(device) ? PTR_ERR(device) : 0;
}

static void __exit null_exit(void)
{
	chrdev_unregister(device);
}

module_init(null_init);
module_exit(null_exit);
MODULE_DESCRIPTION("Takes everything, gives nothing");
MODULE_LICENSE("MIT");
