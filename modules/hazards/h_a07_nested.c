/* A7: a frame of the module lies under an interrupt's, and that under a second one.
 *
 *   CPU 1 (caller)                    CPU 0 (rmmod)
 *   open(): in its first lines,
 *   not counted yet
 *     interrupt: another driver's
 *     handler, which takes its time
 *                                     asks CPU 1 where it is
 *       IPI: in the handler
 *                                     in another driver: nobody is in this one
 *                                     free
 *     returns from both
 *   goes on in freed memory
 *
 * Derived. Who looks at the execution address only sees the innermost frame; the stack
 * shows all three. Handlers run with interrupts off here, so what comes on top of one is an
 * NMI, which only the core has a handler for, or an IPI that it serves while it waits, as
 * this one does.
 */
#include "modules/hazards/hazard.h"
#include "modules/hazards/nested.h"

static int nested_open(struct file *f)
{
	int err = interrupt_me();

	stand();
	return err ? err : count_in(f);
}

static const struct chrdev_ops ops = { .open = nested_open, .release = count_out, .ioctl = answer_probe };

static int __init nested_init(void)
{
	return offer("h_a07_nested", &ops);
}
module_init(nested_init);

static void __exit nested_exit(void)
{
	withdraw();
}
module_exit(nested_exit);

HAZARD("A7", "under-an-interrupt", "derived",
       "cpus 2; insmod; hold h_a07:interrupt; call open 1 1; held h_a07:interrupt; "
       "unload revoke; try; free h_a07:interrupt aside; try 200; go; out");
MODULE_DESCRIPTION("Hazard A7: two interrupts above the module");
MODULE_LICENSE("MIT");
