/* A8: the module has a thread of its own, and it is in the middle of something.
 *
 *   CPU 1 (thread)                    CPU 0 (rmmod)
 *   works in the module
 *                                     use count 0: threads do not count
 *                                     free
 *   goes on in freed memory
 *
 * "Any time you create a new thread executing the module code, you need a
 * reference": giraffedata, LWN, 1 Aug 2003.
 */
#include "modules/hazards/hazard.h"

static void work_on(void *arg)
{
	(void)arg;
	while (!kthread_should_stop()) {
		sync_point("h_a08:works");
		sleep_interruptible_ns(NSEC_PER_MSEC);
	}
}

static const struct chrdev_ops ops = { .ioctl = answer_probe };

static int __init thread_init(void)
{
	struct thread *t = kthread_run(work_on, NULL, "h_a08");

	return IS_ERR(t) ? PTR_ERR(t) : offer("h_a08_thread", &ops);
}
module_init(thread_init);

HAZARD("A8", "own-thread", "giraffedata, LWN 2003",
       "hold h_a08:works; insmod; held h_a08:works; unload; out 40; free h_a08:works; out");
MODULE_DESCRIPTION("Hazard A8: a thread of its own");
MODULE_LICENSE("MIT");
