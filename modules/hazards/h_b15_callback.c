/* B15: module A gave a callback to library module B, and forgets to take it back.
 *
 *   CPU 0 (rmmod A)                   CPU 1 (in B)
 *   A depends on B, nobody on A
 *   nobody is inside A: free
 *                                     calls back
 *
 * Derived. B keeps what callback_register() gave it: the record is the core's, and its
 * owner is A. So whoever closes records closes this one, too; the others leave it
 * leading into dead text. (h_b15_bare.c: B keeps the bare pointer.)
 */
#include "modules/hazards/hazard.h"
#include "modules/hazards/callback.h"

static int called_back(void *data, void *arg)
{
	(void)data, (void)arg;
	return 0;
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init callback_init(void)
{
	int err = library_call_me(called_back);

	return err ? err : offer("h_b15_callback", &ops);
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
