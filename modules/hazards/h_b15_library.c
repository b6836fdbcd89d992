/* The library of hazard B15: keeps a callback, and calls whom it leads to. */
#include "modules/hazards/hazard.h"
#include "modules/hazards/callback.h"

static void (*callback)(void);

void library_call_me(void (*fn)(void))
{
	callback = fn;
}
EXPORT_SYMBOL(library_call_me);

static int library_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	callback();
	return (int)len;
}

static const struct chrdev_ops ops = { COUNTED, .read = library_read, .ioctl = answer_probe };

static int __init library_init(void)
{
	return offer("h_b15_library", &ops);
}
module_init(library_init);

static void __exit library_exit(void)
{
	withdraw();
}
module_exit(library_exit);
MODULE_DESCRIPTION("Hazard B15: a library that calls back");
MODULE_LICENSE("MIT");
