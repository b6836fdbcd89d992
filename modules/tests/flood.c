/* flood: a thread that prints as fast as it can, until it is stopped. */
#include "module/api.h"

static void flood(void *unused)
{
	(void)unused;
	for (u32 i = 0; !kthread_should_stop(); i++)
		printk("flood: line %u\n", i);
}

static int __init flood_init(void)
{
	struct thread *t = kthread_run(flood, NULL, "flood");

	return IS_ERR(t) ? PTR_ERR(t) : 0;
}

module_init(flood_init);
MODULE_DESCRIPTION("Prints without end: what becomes of the console?");
MODULE_LICENSE("MIT");
