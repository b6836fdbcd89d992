/* listener: wants to know which modules come and go, and after ioctl 1 its function does not return
 * (and ignores that it is told to leave) before ioctl 2. ioctl 3 says how many it has heard of.
 * What an unload of others makes of that is the test. */
#include "module/api.h"

static struct wait_queue never = WAIT_QUEUE(never, "listener");
static bool stays, leaves;
static u32 heard;

static void on_news(u32 event, void *name, void *arg)
{
	(void)event, (void)name, (void)arg;
	heard++;
	while (READ_ONCE(stays) && !READ_ONCE(leaves)) {
		if (wait_event(&never, READ_ONCE(leaves)))
			sleep_ms(1);
	}
}

static int listener_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)f, (void)arg;
	if (cmd == 3)
		return (int)READ_ONCE(heard);
	if (cmd < 1 || cmd > 2)
		return -ENOTTY;
	WRITE_ONCE(leaves, cmd == 2);
	WRITE_ONCE(stays, cmd == 1);
	wake_all(&never);
	return 0;
}

static const struct chrdev_ops ops = { .ioctl = listener_ioctl };

static int __init listener_init(void)
{
	struct notifier *n = notifier_register(&module_chain, "listener", on_news, NULL, 0);
	struct chrdev *device;

	if (IS_ERR(n))
		return PTR_ERR(n);
	device = chrdev_register("listener", &ops, NULL);
	return IS_ERR(device) ? PTR_ERR(device) : 0;
}
module_init(listener_init);

MODULE_DESCRIPTION("Hears of modules that come and go, and may not return; device listener.");
MODULE_LICENSE("MIT");
