/* B8: `lsmod` prints the module while it goes.
 *
 *   CPU 1 (lsmod)                     CPU 0 (rmmod)
 *                                     exit runs, whatever came before it
 *   finds the module in the list
 *   (is slow)
 *                                     exit is through: takes it off the list: waits
 *   prints its name and its
 *   entry points
 *                                     takes it off the list, frees its record
 *
 * Derived. Every strategy takes the module off the list in the core's one way, under the
 * mutex of the list, and who looks for names without a lock, as a backtrace does, answers
 * no interrupt meanwhile, without which nothing is freed (module/symbolise.c).
 */
#include "modules/hazards/hazard.h"

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init names_init(void)
{
	return offer("h_b08_names", &ops);
}
module_init(names_init);

static void __exit names_exit(void)
{
	withdraw();
	sync_point("h_b08:exit");
}
module_exit(names_exit);

HAZARD("B8", "name-printing", "derived",
       "insmod; hold h_b08:exit; unload; held h_b08:exit; hold lsmod:module; show lsmod -v; "
       "held lsmod:module; free h_b08:exit aside; try; free lsmod:module; out; sleep 10");
MODULE_DESCRIPTION("Hazard B8: listed while it goes");
MODULE_LICENSE("MIT");
