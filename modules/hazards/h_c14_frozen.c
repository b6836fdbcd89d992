/* C14: whoever freezes tasks freezes one that the unload needs.
 *
 * C14, the asker                        C14t, the module's own thread
 *   CPU 0 (rmmod, asked for through       CPU 0 (rmmod)         CPU 1 (thread)
 *   another driver's ioctl)                                     at work
 *   waits until nobody is in a call:      freezes
 *   it is in one itself                                         on its way: frozen
 *                                         exit: kthread_stop(),
 *                                         waits for the thread
 *
 * "You must not freeze the process doing rmmod, that way lies deadlock"; "You must not
 * freeze any threads that belong to the module": Keith Owens, linux-kernel 2002. The
 * freezers here leave the asker out; that he is in a call all the same they cannot know.
 */
#include "modules/hazards/hazard.h"

static struct thread *thread;

static void work_with_manager(void *arg)
{
	struct file *f = file_open("h_c14_manager", 0);

	(void)arg;
	if (IS_ERR(f))
		return;
	do {
		sync_point("h_c14:works");
		file_ioctl(f, 0, 0);
	} while (!kthread_should_stop() && !sleep_interruptible_ns(NSEC_PER_MSEC));
	file_close(f);
}

static int frozen_ioctl(struct file *f, u32 cmd, u32 arg)
{
	if (cmd != 1)
		return answer_probe(f, cmd, arg);
	thread = kthread_run(work_with_manager, NULL, "h_c14");
	return IS_ERR(thread) ? PTR_ERR(thread) : 0;
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = frozen_ioctl };

static int __init frozen_init(void)
{
	return offer("h_c14_frozen", &ops);
}
module_init(frozen_init);

static void __exit frozen_exit(void)
{
	withdraw();
	if (thread)
		kthread_stop(thread);
}
module_exit(frozen_exit);
MODULE_DEPENDS("h_c14_manager");

HAZARD("C14", "unloader-frozen", "Keith Owens, linux-kernel 2002",
       "insmod; call ioctl 1 - h_c14_manager; left; out");
HAZARD("C14t", "own-thread-frozen", "Keith Owens, linux-kernel 2002",
       "hold h_c14:works; insmod; ask 1; held h_c14:works; unload; try; free h_c14:works; out");
MODULE_DESCRIPTION("Hazard C14: a freezer freezes whom the unload needs");
MODULE_LICENSE("MIT");
