/* B1h: exit cancels its timer, and does not wait for the handler that has begun.
 *
 *   CPU 1 (timer interrupt)           CPU 0 (rmmod)
 *   the handler begins
 *                                     exit: cancels the timer: not armed
 *                                     free
 *   the handler goes on
 *
 * Derived: del_timer() for del_timer_sync() was a common fault of Linux drivers. The handler
 * begins in the middle of exit, so what was looked at, counted or stopped before that says
 * nothing of it; only what is waited for behind exit does: a grace period. (Its record is
 * forgotten in any case.)
 */
#include "modules/hazards/hazard.h"

#define WORDS_PER_PAGE 1024

static struct timer *timer;
static volatile bool last, begun;
/* Its middle is on a page that has not been read since the load: no TLB has it. */
static const volatile u32 far[3 * WORDS_PER_PAGE];
static volatile u32 seen;

static void on_timer(void *arg)
{
	(void)arg;
	if (!last) {
		timer_arm(timer, stage.ms);
		return;
	}
	u64 end = clock_ns() + 100 * stage.ms;	/* the director may be trapped itself */
	begun = true;
	atomic_add(&stage.at, 1);
	while (!stage.go && !clock_passed(end))
		cpu_relax();
	seen = far[3 * WORDS_PER_PAGE / 2];
}

static int flight_ioctl(struct file *f, u32 cmd, u32 arg)
{
	return cmd == 1 ? timer_arm(timer, stage.ms) : answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = flight_ioctl };

static int __init flight_init(void)
{
	timer = timer_create("h_b01", on_timer, NULL);
	return IS_ERR(timer) ? PTR_ERR(timer) : offer("h_b01_flight", &ops);
}
module_init(flight_init);

/* Where the doors are closed in time it does not come: not for ever. */
static void __exit flight_exit(void)
{
	u64 end = clock_ns() + 40 * stage.ms;

	withdraw();
	last = true;
	while (!begun && !clock_passed(end))
		cpu_relax();
	timer_cancel(timer);
}
module_exit(flight_exit);

HAZARD("B1h", "timer-in-flight", "derived",
       "cpus 2; insmod; call ioctl 1 1; left; unload; sleep 20; try; go; out; sleep 5");
MODULE_DESCRIPTION("Hazard B1h: a handler that outlasts exit");
MODULE_LICENSE("MIT");
