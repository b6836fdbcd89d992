/* B15b: as B15, but library module B keeps the bare function pointer in its data.
 *
 *   CPU 0 (rmmod A)                   CPU 1 (in B)
 *   nobody is inside A: free
 *                                     loads the pointer from B's data, calls
 *
 * Derived. It lies on no stack and in no record of the core. Assumption A4
 * (docs/ARCHITECTURE.md) excludes it; trap and census look for such words in the data of
 * the modules that A uses, and name them (unload/bare_pointers.c).
 */
#include "modules/hazards/hazard.h"
#include "modules/hazards/callback.h"

static int called_back(void *data, void *arg)
{
	(void)data, (void)arg;
	return 0;
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init bare_init(void)
{
	library_call_me_bare(called_back);
	return offer("h_b15_bare", &ops);
}
module_init(bare_init);

static void __exit bare_exit(void)
{
	withdraw();
}
module_exit(bare_exit);

HAZARD("B15b", "bare-callback", "derived",
       "insmod; unload; out; call write - - h_b15_library; sleep 10; call ioctl 1 - h_b15_library; sleep 5");
MODULE_DESCRIPTION("Hazard B15b: a bare pointer left behind");
MODULE_LICENSE("MIT");
