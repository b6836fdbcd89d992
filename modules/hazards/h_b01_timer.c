/* B1, B2: a timer of the module is armed, and the driver forgets it.
 *
 *   CPU 0 (rmmod)                     CPU 1 (timer interrupt)
 *   waits a grace period, looks at
 *   every CPU and every task: nobody
 *   free
 *                                     much later: the handler's address is
 *                                     fetched from the timer
 *
 * No stack shows a pointer that lies in a queue. In B2 the handler arms the timer
 * again, so there is no instant at which it is not armed. Johnson's step 2 assumes
 * "that the user-code will deallocate interrupts, and free resources" (linux-kernel,
 * 8 Jul 2002); B1c keeps that assumption, B1 and B2 break it.
 */
#include "modules/hazards/hazard.h"

static struct timer *timer;
static bool again, tidy;

static void on_timer(void *arg)
{
	(void)arg;
	if (again)
		timer_arm(timer, NSEC_PER_MSEC);
}

static int timer_ioctl(struct file *f, u32 cmd, u32 arg)
{
	again = cmd == 2;
	tidy = cmd == 3;
	if (cmd >= 1 && cmd <= 3)
		return timer_arm(timer, again ? NSEC_PER_MSEC : 150 * stage.ms);
	return answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = timer_ioctl };

static int __init timer_init(void)
{
	timer = timer_create("h_b01", on_timer, NULL);
	return IS_ERR(timer) ? PTR_ERR(timer) : offer("h_b01_timer", &ops);
}
module_init(timer_init);

static void __exit timer_exit(void)
{
	withdraw();
	if (tidy)
		timer_destroy(timer);
}
module_exit(timer_exit);

HAZARD("B2", "timer-rearms", "derived", "insmod; ask 2; sleep 5; unload; out; sleep 20");
HAZARD("B1c", "timer-cancelled", "R. B. Johnson, linux-kernel 2002",
       "insmod; ask 3; sleep 2; unload; out; sleep 180");
HAZARD("B1", "timer-pending", "derived", "insmod; ask 1; sleep 2; unload; out; sleep 180");
MODULE_DESCRIPTION("Hazards B1, B2: a timer forgotten");
MODULE_LICENSE("MIT");
