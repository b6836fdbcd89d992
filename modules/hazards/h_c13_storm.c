/* C13: many modules go at once, all of them in use.
 *
 *   CPU 0                    CPU 1                    CPU 2 ...
 *   rmmod _0                 rmmod _1                 rmmod _2
 *   reads from _1            reads from _2            reads from _0
 *                each holds or asks CPUs that the others need:
 *                all must get through, or be refused and go on
 *
 * Derived. One file, loaded under 32 names; each instance has a reader that sleeps in
 * it a thousand times a second, and is judged as if it were alone.
 */
#include "modules/hazards/hazard.h"

static char device[MODULE_NAME_LEN] = "h_c13_storm";
module_param(device, charp);

static bool visited;

static int storm_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	if (!visited)
		atomic_add(&stage.at, 1);
	visited = true;
	int err = sleep_interruptible_ns(NSEC_PER_MSEC);
	return err && err != -EINTR ? err : (int)len;	/* a freezer's signal does not send it home */
}

static const struct chrdev_ops ops = { COUNTED, .read = storm_read, .ioctl = answer_probe };

static int __init storm_init(void)
{
	return offer(device, &ops);
}
module_init(storm_init);

static void __exit storm_exit(void)
{
	withdraw();
}
module_exit(storm_exit);

HAZARD("C13", "storm", "derived",
       "each 32 insmod; each 32 call loop; at 32; each 32 unload revoke; out");
MODULE_DESCRIPTION("Hazard C13: one of many that go at once");
MODULE_LICENSE("MIT");
