/* A13: A calls B, B calls A; A is to go.
 *
 *   CPU 1 (caller)                    CPU 0 (rmmod A)
 *   A.read -> B.read -> A.ioctl:
 *   A is on the stack twice, with
 *   another module's frames between
 *                                     sees the inner A leave: free
 *   B returns into the outer A
 *
 * Derived.
 */
#include "modules/hazards/hazard.h"

static int recursion_read(struct file *f, void *buf, u32 len)
{
	(void)f;
	struct file *partner = file_open("h_a13_partner", 0);

	if (IS_ERR(partner))
		return PTR_ERR(partner);
	int err = file_read(partner, buf, len);
	file_close(partner);
	return err;
}

static int recursion_ioctl(struct file *f, u32 cmd, u32 arg)
{
	if (cmd == 1) {
		sync_point("h_a13:inner");
		return 1;
	}
	return answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .read = recursion_read, .ioctl = recursion_ioctl };

static int __init recursion_init(void)
{
	return offer("h_a13_recursion", &ops);
}
module_init(recursion_init);

static void __exit recursion_exit(void)
{
	withdraw();
}
module_exit(recursion_exit);
MODULE_DEPENDS("h_a13_partner");

HAZARD("A13", "recursion", "derived",
       "insmod; hold h_a13:inner; call read; held h_a13:inner; unload revoke; try; "
       "free h_a13:inner; out");
MODULE_DESCRIPTION("Hazard A13: A calls B calls A");
MODULE_LICENSE("MIT");
