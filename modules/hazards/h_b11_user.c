/* The user of hazards B11 and C15: calls the library all the time. */
#include "modules/hazards/hazard.h"
#include "modules/hazards/library.h"

static int user_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	return (int)library_add(len, 0);
}

static const struct chrdev_ops ops = { COUNTED, .read = user_read, .ioctl = answer_probe };

static int __init user_init(void)
{
	return library_add(1, 1) == 2 ? offer("h_b11_user", &ops) : -EIO;
}
module_init(user_init);

static void __exit user_exit(void)
{
	withdraw();
}
module_exit(user_exit);
MODULE_DESCRIPTION("Hazard B11: who is bound to the library");
MODULE_LICENSE("MIT");
