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

static struct thread *thread;
static bool forgets;

/* exit forgets the thread from now on. */
static int thread_ioctl(struct file *f, u32 cmd, u32 arg)
{
	if (cmd == 1)
		forgets = true;
	return answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = thread_ioctl };

static int __init thread_init(void)
{
	thread = kthread_run(work_on, NULL, "h_a08");
	return IS_ERR(thread) ? PTR_ERR(thread) : offer("h_a08_thread", &ops);
}
module_init(thread_init);

static void __exit thread_exit(void)
{
	withdraw();
	if (!forgets)
		kthread_stop(thread);
}
module_exit(thread_exit);

HAZARD("A8f", "own-thread-forgotten", "giraffedata, LWN 2003",
       "insmod; ask 1; sleep 5; hold h_a08:works; held h_a08:works; unload; try; "
       "free h_a08:works; out; sleep 5");
HAZARD("A8", "own-thread", "giraffedata, LWN 2003",
       "hold h_a08:works; insmod; held h_a08:works; unload; try; free h_a08:works; out");
MODULE_DESCRIPTION("Hazard A8: a thread of its own");
MODULE_LICENSE("MIT");
