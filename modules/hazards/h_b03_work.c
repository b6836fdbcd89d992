/* B3, B4: a work item is in the queue.
 *
 *   workers                           CPU 0 (rmmod)
 *   all at something slow
 *   (behind it: the module's item)
 *                                     nobody is inside: free
 *   take the item, call it
 *
 * In B4 a timer queues the work and the work arms the timer, so that whoever takes
 * one back finds the other one there again. Derived. The driver forgets them all.
 */
#include "modules/hazards/hazard.h"

#define NR_SLOW 16

static struct work *slow[NR_SLOW], *behind;
static struct timer *timer;

static void on_slow(void *arg)
{
	(void)arg;
	sync_point("h_b03:slow");
}

static void on_behind(void *arg)
{
	(void)arg;
	timer_arm(timer, NSEC_PER_MSEC);
}

static void on_timer(void *arg)
{
	(void)arg;
	work_queue(behind);
}

static int work_ioctl(struct file *f, u32 cmd, u32 arg)
{
	if (cmd == 1) {
		for (u32 i = 0; i < NR_SLOW; i++)
			work_queue(slow[i]);
		return work_queue(behind);
	}
	if (cmd == 2)
		return work_queue(behind);
	return answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = work_ioctl };

static int __init work_init_module(void)
{
	for (u32 i = 0; i < NR_SLOW; i++) {
		slow[i] = work_create("h_b03 slow", on_slow, NULL);
		if (IS_ERR(slow[i]))
			return PTR_ERR(slow[i]);
	}
	behind = work_create("h_b03", on_behind, NULL);
	if (IS_ERR(behind))
		return PTR_ERR(behind);
	timer = timer_create("h_b03", on_timer, NULL);
	return IS_ERR(timer) ? PTR_ERR(timer) : offer("h_b03_work", &ops);
}
module_init(work_init_module);

static void __exit work_exit(void)
{
	withdraw();
}
module_exit(work_exit);

HAZARD("B4", "timer-feeds-work", "derived",
       "insmod; ask 2; sleep 5; unload; out; sleep 20");
HAZARD("B3", "work-queued", "derived",
       "insmod; hold h_b03:slow 16; ask 1; held h_b03:slow; unload; try; free h_b03:slow; "
       "out; sleep 5");
MODULE_DESCRIPTION("Hazards B3, B4: work in the queue");
MODULE_LICENSE("MIT");
