/* C1: the unload is asked for while init has not returned.
 *
 *   CPU 1 (insmod)                    CPU 0 (rmmod)
 *   init: has offered a device
 *                                     use count 0: free
 *   goes on in freed memory
 *
 * "A request for module removal can come at any time. Not just at 'convenient'
 * times": Peter, LWN, 1 Aug 2003.
 */
#include "modules/hazards/hazard.h"

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init slow_init(void)
{
	int err = offer("h_c01_init", &ops);

	sync_point("h_c01:init");
	return err;
}
module_init(slow_init);

static void __exit slow_exit(void)
{
	withdraw();
}
module_exit(slow_exit);

HAZARD("C1", "init-running", "Peter, LWN 2003",
       "hold h_c01:init; load; held h_c01:init; unload; out");
MODULE_DESCRIPTION("Hazard C1: init has not returned");
MODULE_LICENSE("MIT");
