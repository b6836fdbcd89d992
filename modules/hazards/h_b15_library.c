/* The library of hazards B15 and B15b: keeps a callback, as a record of the core or
 * as a bare pointer, and calls whom it leads to: a read the first, a write the second. */
#include "modules/hazards/hazard.h"
#include "modules/hazards/callback.h"

static int record;		/* what callback_register() gave */
static callback_fn bare;

int library_call_me(callback_fn fn)
{
	record = callback_register("h_b15", fn, NULL);
	return MIN(record, 0);
}
EXPORT_SYMBOL(library_call_me);

void library_call_me_bare(callback_fn fn)
{
	bare = fn;
}
EXPORT_SYMBOL(library_call_me_bare);

static int library_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf, (void)len;
	return callback_call(record, NULL);
}

static int library_write(struct file *f, const void *buf, u32 len)
{
	(void)f, (void)buf, (void)len;
	return bare ? bare(NULL, NULL) : 0;
}

/* 1: forget the bare pointer. */
static int library_ioctl(struct file *f, u32 cmd, u32 arg)
{
	if (cmd != 1)
		return answer_probe(f, cmd, arg);
	bare = NULL;
	return 0;
}

static const struct chrdev_ops ops = {
	COUNTED, .read = library_read, .write = library_write, .ioctl = library_ioctl,
};

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
MODULE_DESCRIPTION("Hazards B15, B15b: a library that calls back");
MODULE_LICENSE("MIT");
