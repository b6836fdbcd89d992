/* A20: a task that left long ago still has the module's address in a dead slot.
 *
 *   worker                            CPU 0 (rmmod)
 *   deep in the module, and out
 *   sleeps; below and between its
 *   frames lie old return addresses
 *                                     takes one for a way back in: waits for nothing
 *
 * Derived. It would cost time, never safety; here it should not even cost that.
 */
#include "modules/hazards/hazard.h"

static struct work *work;

static noinline u32 dig(u32 depth)
{
	return depth ? dig(depth - 1) + 1 : 0;
}

static void on_work(void *arg)
{
	(void)arg;
	(void)dig(20);
}

static int stale_ioctl(struct file *f, u32 cmd, u32 arg)
{
	if (cmd == 1)
		return work_queue(work);
	return answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = stale_ioctl };

static int __init stale_init(void)
{
	work = work_create("h_a20", on_work, NULL);
	return IS_ERR(work) ? PTR_ERR(work) : offer("h_a20_stale", &ops);
}
module_init(stale_init);

static void __exit stale_exit(void)
{
	withdraw();
	work_destroy(work);
}
module_exit(stale_exit);

HAZARD("A20", "stale-word", "derived",
       "insmod; ask 1; sleep 5; ask 1; sleep 5; ask 1; sleep 20; unload; out");
MODULE_DESCRIPTION("Hazard A20: old words on stacks");
MODULE_LICENSE("MIT");
