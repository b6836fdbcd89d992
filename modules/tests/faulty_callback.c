/* faulty_callback: a callback with a bug. Device "faulty_callback": ioctl 1 calls it by way of
 * the core, and it follows a null pointer. */
#include "module/api.h"

static int callback;

/* The compiler must not see that it is null. */
static u32 *volatile nowhere;

static int called_back(void *data, void *arg)
{
	(void)data, (void)arg;
	return (int)*nowhere;
}

static int faulty_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)f, (void)arg;
	return cmd == 1 ? callback_call(callback, NULL) : -ENOTTY;
}

static const struct chrdev_ops faulty_ops = { .ioctl = faulty_ioctl };

static int __init faulty_init(void)
{
	struct chrdev *device;

	callback = callback_register("faulty_callback", called_back, NULL);
	if (callback < 0)
		return callback;
	device = chrdev_register("faulty_callback", &faulty_ops, NULL);
	return IS_ERR(device) ? PTR_ERR(device) : 0;
}

module_init(faulty_init);
MODULE_DESCRIPTION("A driver whose callback faults when it is told to; device faulty_callback.");
MODULE_LICENSE("MIT");
