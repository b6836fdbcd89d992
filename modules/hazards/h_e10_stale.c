/* E10: a library called with an address of the module keeps nothing, but for what lies in a
 * block that it has freed.
 *
 *   CPU 0 (rmmod user)
 *   looks for bare pointers in the library's heap: finds one, and refuses, for as long as
 *   nobody allocates that block again
 *
 * Derived. E18: the library does remember an address, and reads it later, in a call of ring 3:
 * a use after unload by a live module, which has to be seen as one.
 */
#include "modules/hazards/hazard.h"
#include "modules/hazards/e_library.h"

static struct e_object object;

static int stale_ioctl(struct file *f, u32 cmd, u32 arg)
{
	if (cmd == 1)
		e_scratch(&object);
	else if (cmd == 2)
		e_remember(&object.touched);
	else
		return answer_probe(f, cmd, arg);
	return 0;
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = stale_ioctl };

static int __init stale_init(void)
{
	return offer("h_e10_stale", &ops);
}
module_init(stale_init);

static void __exit stale_exit(void)
{
	withdraw();
}
module_exit(stale_exit);

HAZARD("E10", "stale-block", "derived", "insmod; ask 1; unload; out");
HAZARD("E18", "live-touches-dead", "derived",
       "insmod; ask 2; unload; out; program h_client ioctl h_e_library 8; sleep 10; "
       "call ioctl 9 - h_e_library; left");
MODULE_DESCRIPTION("Hazards E10, E18: what a library keeps");
MODULE_LICENSE("MIT");
