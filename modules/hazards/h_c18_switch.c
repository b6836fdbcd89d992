/* C18: the strategy is changed while tasks are inside.
 *
 *   CPU 1 (caller)                    CPU 0
 *   comes in: nobody counts
 *                                     from now on entrances and exits are counted
 *                                     rmmod: all counts are 0, free
 *   goes on in freed memory
 * or (C18b)
 *   comes in: counted
 *                                     from now on nobody is counted, or otherwise
 *   leaves: counted?                  (the sum is wrong for ever)
 *
 * Derived. The caller comes in under trap, which counts nobody; in C18b under young,
 * which counts everybody.
 */
#include "modules/hazards/hazard.h"

static int switch_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	stand();
	return (int)len;
}

static const struct chrdev_ops ops = { COUNTED, .read = switch_read, .ioctl = answer_probe };

static int __init switch_init(void)
{
	return offer("h_c18_switch", &ops);
}
module_init(switch_init);

static void __exit switch_exit(void)
{
	withdraw();
}
module_exit(switch_exit);

HAZARD("C18", "strategy-switch", "derived",
       "strategy trap; insmod; call read 1 1; at 1; strategy; unload revoke; try; go; out");
HAZARD("C18b", "leaves-after-switch", "derived",
       "strategy young; insmod; call read 1 1; at 1; strategy; go; left; call read; left; "
       "unload; out");
MODULE_DESCRIPTION("Hazard C18: the strategy changes with somebody inside");
MODULE_LICENSE("MIT");
