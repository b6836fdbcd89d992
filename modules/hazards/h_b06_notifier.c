/* B6: a notifier chain is being walked on another CPU.
 *
 *   CPU 1 (walker)                    CPU 0 (rmmod)
 *   has fetched the module's function
 *   from the chain
 *                                     takes the module off the chain
 *                                     nobody is inside: free
 *   calls it
 *
 * "Any time a module's data structures are registered in an external list, it needs
 * a reference": Peter, LWN, 1 Aug 2003.
 */
#include "modules/hazards/hazard.h"

static void on_event(u32 event, void *data, void *arg)
{
	(void)event, (void)data, (void)arg;
}

static struct notifier *notifier;

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init notifier_init(void)
{
	notifier = notifier_register(&stage.chain, "h_b06", on_event, NULL, 0);
	return IS_ERR(notifier) ? PTR_ERR(notifier) : offer("h_b06_notifier", &ops);
}
module_init(notifier_init);

static void __exit notifier_exit(void)
{
	withdraw();
	notifier_unregister(notifier);
}
module_exit(notifier_exit);

HAZARD("B6", "notifier-running", "Peter, LWN 2003",
       "insmod; hold notifier:call; notify; held notifier:call; unload; try; "
       "free notifier:call; out");
MODULE_DESCRIPTION("Hazard B6: on a chain that is walked");
MODULE_LICENSE("MIT");
