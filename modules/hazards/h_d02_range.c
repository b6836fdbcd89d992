/* D2: the addresses of the module are handed to the next one at once.
 *
 *   CPU 1 (caller)                    CPU 0
 *   open() calls into the core
 *   and sleeps there
 *                                     rmmod: the use count is 0, free
 *                                     insmod of another: gets the same range
 *   wakes, returns into the other
 *   module, in the middle of one of
 *   its functions: no fault
 *
 * Derived. As A3, but nobody would ever know: the graveyard sees faults only. Here the
 * next module is the same code once more, with other data, so it notices.
 */
#define ME 1
#include "modules/hazards/range.h"

static int __init range_init(void)
{
	return offer("h_d02_range", &ops);
}
module_init(range_init);

static void __exit range_exit(void)
{
	withdraw();
}
module_exit(range_exit);

HAZARD("D2", "range-reused", "derived",
       "hold h_d02:asleep; reuse; insmod; call open; held h_d02:asleep; unload brief revoke; out; "
       "insmod h_d02_again; free h_d02:asleep; left");
MODULE_DESCRIPTION("Hazard D2: the range before it is reused");
MODULE_LICENSE("MIT");
