/* C6: A's exit unloads B while B's exit unloads A.
 *
 *   CPU 0 (rmmod A)                   CPU 1 (rmmod B)
 *   A is going                        B is going
 *   A's exit: rmmod B                 B's exit: rmmod A
 *   waits for B's end                 waits for A's end
 *
 * Derived. This is module A.
 */
#include "modules/hazards/hazard.h"

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init cross_init(void)
{
	return offer("h_c06_a", &ops);
}
module_init(cross_init);

static void __exit cross_exit(void)
{
	withdraw();
	sync_point("h_c06:exit");
	(void)stage.rmmod("h_c06_b");
}
module_exit(cross_exit);

HAZARD("C6", "cross-unload", "derived",
       "insmod; insmod h_c08_no_exit; insmod h_c06_b; hold h_c06:exit 2; unload; unload h_c06_b; held h_c06:exit; "
       "sleep 20; free h_c06:exit aside; out");
MODULE_DESCRIPTION("Hazard C6: exits that unload each other, A");
MODULE_LICENSE("MIT");
