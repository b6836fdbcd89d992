/* lender: a library that runs records of its own on objects of its users, which forget to
 * end them. Device "lender", ioctl:
 *   0  arms the timer: what timer_arm() says
 *   1  queues the work item, which looks at the object once, and then stays for as long as ...
 *   2  ... it is told to leave
 *   3  ends all of them: how many were still there */
#include "module/api.h"
#include "modules/tests/lender.h"

static struct timer *timer;
static struct work *work;
static struct thread *thread;
static int callback;
static bool stays;

static void on_timer(void *arg)
{
	((struct loan *)arg)->uses++;
	timer_arm(timer, NSEC_PER_MSEC);
}

/* Nothing of the object is left on its stack while it waits: a compiler may use the place of
 * an argument for something else, too. */
static void on_work(void *arg)
{
	((struct loan *)arg)->uses++;
	*(void *volatile *)&arg = NULL;
	while (READ_ONCE(stays))
		sleep_ms(1);
}

static void run(void *arg)
{
	((struct loan *)arg)->uses++;
	while (!kthread_should_stop())
		(void)sleep_interruptible_ns(NSEC_PER_SEC);
}

static int on_call(void *data, void *arg)
{
	(void)data;
	return (int)((struct loan *)arg)->uses;
}

int lend(struct loan *to)
{
	timer = timer_create("lender", on_timer, to);
	work = work_create("lender", on_work, to);
	thread = kthread_run(run, to, "lender");
	callback = callback_register("lender", on_call, to);
	if (IS_ERR(timer) || IS_ERR(work) || IS_ERR(thread) || callback < 0)
		return -ENOMEM;		/* what has been made goes with the user */
	return timer_arm(timer, NSEC_PER_MSEC);
}
EXPORT_SYMBOL(lend);

static int end_all(void)
{
	return !timer_destroy(timer) + !work_destroy(work) + !kthread_stop(thread) +
	       !callback_unregister(callback);
}

static int lender_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)f, (void)arg;
	switch (cmd) {
	case 0:
		return timer_arm(timer, NSEC_PER_MSEC);
	case 1:
		WRITE_ONCE(stays, true);
		return work_queue(work);
	case 2:
		WRITE_ONCE(stays, false);
		return 0;
	case 3:
		return end_all();
	}
	return -ENOTTY;
}

static const struct chrdev_ops ops = { .ioctl = lender_ioctl };

static int __init lender_init(void)
{
	struct chrdev *device = chrdev_register("lender", &ops, NULL);

	return IS_ERR(device) ? PTR_ERR(device) : 0;
}

module_init(lender_init);
MODULE_DESCRIPTION("A library that keeps records which lead into its users; device lender.");
MODULE_LICENSE("MIT");
