/* B15: module A gave a callback to library module B, and forgets to take it back.
 *
 *   CPU 0 (rmmod A)                   CPU 1 (in B)
 *   A depends on B, nobody on A
 *   nobody is inside A: free
 *                                     callback()
 *
 * The pointer lies in B's data: on no stack, in no record of the core. Derived.
 */
#include "modules/hazards/hazard.h"
#include "modules/hazards/callback.h"

static void called_back(void)
{
	atomic_add(&stage.at, 1);
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init callback_init(void)
{
	library_call_me(called_back);
	return offer("h_b15_callback", &ops);
}
module_init(callback_init);

static void __exit callback_exit(void)
{
	withdraw();
}
module_exit(callback_exit);

HAZARD("B15", "cross-callback", "derived",
       "insmod; unload; out; call read - - h_b15_library; sleep 10");
MODULE_DESCRIPTION("Hazard B15: a callback left behind");
MODULE_LICENSE("MIT");
