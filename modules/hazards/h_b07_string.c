/* B7: what a task waits for is a string of the module, and `ps` prints it.
 *
 *   CPU 1 (sleeper)                   CPU 0 (ps, then rmmod)
 *   sleeps on a queue of the
 *   module's, which has its name
 *   in the module's rodata
 *                                     ps: takes down what each task waits for
 *   wakes, leaves
 *                                     nobody is inside: free
 *                                     ps: prints what it took down
 *
 * Derived. Safe under every strategy, since it is no strategy's doing: a task copies the
 * name of what it waits for while it is inside (sched/wait.c), and ps copies the copy. A
 * ps that kept the pointer would print freed memory, whoever unloads.
 */
#include "modules/hazards/hazard.h"

static struct wait_queue queue = WAIT_QUEUE(queue, "a string of h_b07");
static bool woken;

static int string_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	atomic_add(&stage.at, 1);
	int err = wait_event(&queue, READ_ONCE(woken));
	return err ? err : (int)len;
}

static int string_ioctl(struct file *f, u32 cmd, u32 arg)
{
	if (cmd != 1)
		return answer_probe(f, cmd, arg);
	WRITE_ONCE(woken, true);
	wake_all(&queue);
	return 0;
}

static const struct chrdev_ops ops = { COUNTED, .read = string_read, .ioctl = string_ioctl };

static int __init string_init(void)
{
	return offer("h_b07_string", &ops);
}
module_init(string_init);

static void __exit string_exit(void)
{
	withdraw();
}
module_exit(string_exit);

HAZARD("B7", "wait-string", "derived",
       "insmod; call read 1; at 1; sleep 5; hold ps:copied; show ps; held ps:copied; ask 1; sleep 5; "
       "unload; out; free ps:copied; sleep 20");
MODULE_DESCRIPTION("Hazard B7: a name that ps prints");
MODULE_LICENSE("MIT");
