/* B18: somebody still looks at the init section when it is freed.
 *
 *   CPU 0 (insmod)                    CPU 1 (reader)
 *   init: offers a device, with much
 *   still to do
 *                                     open, read: init is not through, so looks
 *                                     things up in a table of init's
 *   init returns 0: the table is freed
 *                                     reads on
 *
 * Derived. What becomes of the section is the loader's doing, and each strategy has the
 * loader of its time: up to 2.4 nothing of a module was freed before all of it; 2.6 freed
 * it at once; Linux of today does so after a grace period (January 2015, for the sake of
 * who looks for names without a lock).
 */
#include "modules/hazards/hazard.h"

static u32 table[] __initdata = { 2, 3, 5, 7 };
static bool ready;

static int init_read(struct file *f, void *buf, u32 len)
{
	(void)f;
	if (len < sizeof(u32) || READ_ONCE(ready))
		return -EINVAL;
	stand();
	*(u32 *)buf = READ_ONCE(table[stage.at % ARRAY_SIZE(table)]);
	return sizeof(u32);
}

static const struct chrdev_ops ops = { COUNTED, .read = init_read, .ioctl = answer_probe };

static int __init init_init(void)
{
	int err = offer("h_b18_init", &ops);

	sync_point("h_b18:offered");
	WRITE_ONCE(ready, true);
	return err;
}
module_init(init_init);

static void __exit init_exit(void)
{
	withdraw();
}
module_exit(init_exit);

HAZARD("B18", "init-section", "derived",
       "cpus 2; hold h_b18:offered; load; held h_b18:offered; call read 4 1; at 1; "
       "free h_b18:offered aside; sleep 20; go; out; sleep 10");
MODULE_DESCRIPTION("Hazard B18: who looks at the init section");
MODULE_LICENSE("MIT");
