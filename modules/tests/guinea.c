/* guinea: a driver as they were written in 2002: it counts itself, its clean-up gives
 * everything back, and is split in two. For the tests of the strategies. */
#include "module/api.h"

MODULE_COUNTS_ITSELF();

static struct chrdev *device;
static struct timer *timer;
static struct wait_queue never = WAIT_QUEUE(never, "guinea");
static volatile u32 ticks;

static int guinea_open(struct file *f)
{
	(void)f;
	sync_point("guinea:open");
	MOD_INC_USE_COUNT;
	return 0;
}

static void guinea_release(struct file *f)
{
	(void)f;
	MOD_DEC_USE_COUNT;
	sync_point("guinea:release");
}

/* Read of 1 byte: passes a sync point inside. Of 2: waits until told to leave. */
static int guinea_read(struct file *f, void *buf, u32 len)
{
	(void)f;
	if (len == 2)
		return wait_event(&never, false);
	sync_point("guinea:read");
	*(u8 *)buf = 'g';
	return 1;
}

static const struct chrdev_ops ops = {
	.open = guinea_open, .release = guinea_release, .read = guinea_read,
};

static void on_timer(void *arg)
{
	(void)arg;
	ticks++;
	timer_arm(timer, NSEC_PER_MSEC);
}

static int guinea_register(void)
{
	device = chrdev_register("guinea", &ops, NULL);
	return IS_ERR(device) ? PTR_ERR(device) : 0;
}

/* Removes what others can see; its structures stay. */
static void guinea_unregister(void)
{
	if (device)
		chrdev_unregister(device);
	device = NULL;
}

static int __init guinea_init(void)
{
	timer = timer_create("guinea", on_timer, NULL);
	if (IS_ERR(timer))
		return PTR_ERR(timer);
	int err = guinea_register();
	if (err)
		timer_destroy(timer);
	else
		timer_arm(timer, NSEC_PER_MSEC);
	return err;
}

static void __exit guinea_exit(void)
{
	guinea_unregister();
	timer_destroy(timer);
}

module_init(guinea_init);
module_exit(guinea_exit);
module_unregister(guinea_unregister);
module_reregister(guinea_register);
MODULE_DESCRIPTION("A driver of 2002, for the tests of the strategies.");
MODULE_LICENSE("MIT");
