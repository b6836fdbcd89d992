/* A9: the thread says that it is done, and has yet to return.
 *
 *   CPU 1 (thread)                    CPU 0 (rmmod)
 *                                     exit(): waits for "done"
 *   done = true
 *                                     free
 *   ret, from freed memory
 *
 * How threads of Linux drivers ended before kthread_stop(). A10 is the same after
 * the return: the thread is gone, its record is not reaped.
 */
#include "modules/hazards/hazard.h"

static volatile bool done;

static void say_done(void *arg)
{
	(void)arg;
	done = true;
	sync_point("h_a09:done");
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init done_init(void)
{
	struct thread *t = kthread_run(say_done, NULL, "h_a09");

	return IS_ERR(t) ? PTR_ERR(t) : offer("h_a09_done", &ops);
}
module_init(done_init);

static void __exit done_exit(void)
{
	withdraw();
	while (!done)
		yield();
}
module_exit(done_exit);

HAZARD("A10", "zombie", "Keith Owens, linux-kernel 2002", "insmod; sleep 10; unload; out");
HAZARD("A9", "thread-says-done", "Linux kthread exits",
       "hold h_a09:done; insmod; held h_a09:done; unload; try; free h_a09:done; out");
MODULE_DESCRIPTION("Hazards A9, A10: a thread at its end");
MODULE_LICENSE("MIT");
