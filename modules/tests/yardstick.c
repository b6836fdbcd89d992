/* yardstick: what `bench strategies` loads, uses and unloads. It has all that any
 * strategy asks of a module: it counts itself, and its clean-up is complete and
 * split in two. What it does inside is next to nothing, so that the way in and out is
 * what is measured. */
#include "module/api.h"

MODULE_COUNTS_ITSELF();

static char name[24] = "yardstick";	/* of the device: several may be loaded */
module_param(name, charp);
static u32 irq;			/* line to attach to; 0: none */
module_param(irq, uint);

static struct chrdev *device;
static struct irq_action *action;

static int yardstick_open(struct file *f)
{
	(void)f;
	MOD_INC_USE_COUNT;
	return 0;
}

static void yardstick_release(struct file *f)
{
	(void)f;
	MOD_DEC_USE_COUNT;
}

static int yardstick_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf, (void)len;
	return 0;
}

static const struct chrdev_ops ops = {
	.open = yardstick_open, .release = yardstick_release, .read = yardstick_read,
};

static enum irq_result on_irq(u32 line, void *arg)
{
	(void)line, (void)arg;
	return IRQ_HANDLED;
}

static int yardstick_register(void)
{
	device = chrdev_register(name, &ops, NULL);
	return IS_ERR(device) ? PTR_ERR(device) : 0;
}

static void yardstick_unregister(void)
{
	if (device)
		chrdev_unregister(device);
	device = NULL;
}

static int __init yardstick_init(void)
{
	if (irq) {
		action = request_irq(irq, on_irq, 0, name, NULL);
		if (IS_ERR(action))
			return PTR_ERR(action);
	}
	int err = yardstick_register();
	if (err && action)
		free_irq(action);
	return err;
}

static void __exit yardstick_exit(void)
{
	yardstick_unregister();
	if (action)
		free_irq(action);
}

module_init(yardstick_init);
module_exit(yardstick_exit);
module_unregister(yardstick_unregister);
module_reregister(yardstick_register);
MODULE_DESCRIPTION("What the strategies are measured by.");
MODULE_LICENSE("MIT");
