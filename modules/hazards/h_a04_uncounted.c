/* A4: a task is on its way in, and nothing counts it yet.
 *
 *   CPU 1 (caller)                    CPU 0 (rmmod)
 *   loads the address of open()
 *                                     use count 0
 *                                     free
 *   calls it, would count itself
 *   in its first instruction
 *
 * "What if the count was zero before the increment operation? Then the module
 * could disappear - *poof* - before the count is incremented": LWN, 1 Aug 2003.
 * Seed of the same: a thread that waits for the mutex in the module that is
 * unmapped, tech-kern, June 2016.
 *
 * A4b is the same one instruction later: open() has begun.
 */
#include "modules/hazards/hazard.h"

static int uncounted_open(struct file *f)
{
	sync_point("h_a04:entered");
	return count_in(f);
}

static const struct chrdev_ops ops = { .open = uncounted_open, .release = count_out, .ioctl = answer_probe };

static int __init uncounted_init(void)
{
	return offer("h_a04_uncounted", &ops);
}
module_init(uncounted_init);

static void __exit uncounted_exit(void)
{
	withdraw();
}
module_exit(uncounted_exit);

HAZARD("A4", "entered-uncounted", "Peter, LWN 2003",
       "insmod; hold file:open; call open; held file:open; unload revoke; try; "
       "free file:open; out");
HAZARD("A4b", "entered-uncounted", "Keith Owens, linux-kernel 2002",
       "insmod; hold h_a04:entered; call open; held h_a04:entered; unload revoke; try; "
       "free h_a04:entered; out");
MODULE_DESCRIPTION("Hazard A4: inside, and not counted yet");
MODULE_LICENSE("MIT");
