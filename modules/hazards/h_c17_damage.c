/* C17: what a roll-back may have broken.
 *
 *   CPU 0 (rmmod)                     meanwhile
 *   closes everything
 *                                     the clock interrupts
 *                                     a timer is due
 *                                     the thread was told to stop
 *   deadline: puts it all back
 *                                     interrupt lost? timer lost? thread gone?
 *
 * Derived. The probe answers only when, after the roll-back, the interrupt comes,
 * the thread works, and the timer that was due while it was closed has fired once.
 */
#include "modules/hazards/hazard.h"
#include "modules/hazards/clock.h"

static struct timer *timer;
static volatile u32 ticks, rounds, fired;

static enum irq_result on_tick(u32 irq, void *arg)
{
	(void)irq, (void)arg;
	if (!clock_has_ticked())
		return IRQ_NONE;
	ticks++;
	return IRQ_HANDLED;
}

static void on_timer(void *arg)
{
	(void)arg;
	fired++;
}

static void run(void *arg)
{
	(void)arg;
	while (!kthread_should_stop()) {
		rounds++;
		if (sleep_interruptible_ns(NSEC_PER_MSEC))
			break;
	}
}

static int damage_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	timer_arm(timer, 50 * stage.ms);
	stand();
	return (int)len;
}

static int damage_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)f, (void)cmd, (void)arg;
	u32 t = ticks, r = rounds;
	u64 end = clock_ns() + 150 * stage.ms;

	while (ticks == t || rounds == r || fired != 1) {
		if (clock_passed(end))
			return -EIO;
		sleep_interruptible_ns(NSEC_PER_MSEC);
	}
	return HAZARD_ALIVE;
}

static const struct chrdev_ops ops = { COUNTED, .read = damage_read, .ioctl = damage_ioctl };

static int __init damage_init(void)
{
	struct irq_action *a = request_irq(CLOCK_IRQ, on_tick, 0, "h_c17", NULL);
	struct thread *t = kthread_run(run, NULL, "h_c17");

	timer = timer_create("h_c17", on_timer, NULL);
	if (IS_ERR(a) || IS_ERR(t) || IS_ERR(timer))
		return -ENOMEM;
	clock_start();
	return offer("h_c17_damage", &ops);
}
module_init(damage_init);

static void __exit damage_exit(void)
{
	withdraw();
	clock_stop();
}
module_exit(damage_exit);

HAZARD("C17", "rollback-damage", "derived", "insmod; call read 1 1; at 1; unload brief revoke; out");
MODULE_DESCRIPTION("Hazard C17: what a roll-back puts back");
MODULE_LICENSE("MIT");
