/* C8: a module with init and no exit.
 *
 *   2.4: cleanup_module() missing      2.6: no exit: permanent
 *   rmmod: free, device and all        rmmod: -EBUSY, for ever
 *   a later open(): gone code
 *
 * The way out of the second column was CONFIG_MODULE_FORCE_UNLOAD (Rusty Russell,
 * linux-kernel 2004).
 */
#include "modules/hazards/hazard.h"

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init no_exit_init(void)
{
	return offer("h_c08_no_exit", &ops);
}
module_init(no_exit_init);

HAZARD("C8", "no-exit", "derived", "insmod; unload; out; call open; sleep 5");
MODULE_DESCRIPTION("Hazard C8: no exit");
MODULE_LICENSE("MIT");
