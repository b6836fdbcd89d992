/* A5: the last count was dropped, the return is still to run.
 *
 *   CPU 1 (caller)                    CPU 0 (rmmod)
 *   release(): count is 0 now
 *                                     use count 0
 *                                     free
 *   ret, from freed memory
 *
 * "Is it just the mod_dec_use_count; return/unload race we're worried about?":
 * Daniel Phillips, linux-kernel, 4 Jul 2002. (Compiled with
 * -fno-optimize-sibling-calls: the return is there.)
 */
#include "modules/hazards/hazard.h"

static void put_release(struct file *f)
{
	count_out(f);
	sync_point("h_a05:put");
}

static const struct chrdev_ops ops = { .open = count_in, .release = put_release, .ioctl = answer_probe };

static int __init put_init(void)
{
	return offer("h_a05_put", &ops);
}
module_init(put_init);

static void __exit put_exit(void)
{
	withdraw();
}
module_exit(put_exit);

HAZARD("A5", "put-not-left", "Daniel Phillips, linux-kernel 2002",
       "insmod; hold h_a05:put; call open; held h_a05:put; unload revoke; try; "
       "free h_a05:put; out");
MODULE_DESCRIPTION("Hazard A5: counted out, not yet out");
MODULE_LICENSE("MIT");
