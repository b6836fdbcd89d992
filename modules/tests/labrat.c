/* labrat: a driver for the tests. It has every kind of entry point, can be held
 * at any place inside, and its init fails at whichever step it is told. It has
 * no exit: all that it does is forgotten. */
#include "module/api.h"

static int fail_at;		/* init fails at this step; 0: it does not */
module_param(fail_at, int);
static bool thread;		/* with a thread that sleeps inside */
module_param(thread, bool);
static bool maker;		/* the thread makes records, and ends them */
module_param(maker, bool);
static bool busy_timer;		/* with a timer that re-arms itself */
module_param(busy_timer, bool);
static bool deaf;		/* readers do not leave when they are told to */
module_param(deaf, bool);
static bool veto;		/* the first time that it is asked, the module does not want to go */
module_param(veto, bool);

static struct timer *timer;
static struct work *work;
static struct wait_queue never = WAIT_QUEUE(never, "labrat");
static volatile u32 ticks, works, rounds;

static void on_timer(void *arg)
{
	(void)arg;
	ticks++;
	sync_point("labrat:timer");
	work_queue(work);
	if (busy_timer)
		timer_arm(timer, NSEC_PER_MSEC);
}

static void on_work(void *arg)
{
	(void)arg;
	works++;
	sync_point("labrat:work");
}

static void make_a_record(void)
{
	struct timer *t = timer_create("short", on_timer, NULL);

	(void)sleep_interruptible_ns(500 * NSEC_PER_USEC);
	if (!IS_ERR(t))
		timer_destroy(t);
}

static void run_thread(void *arg)
{
	(void)arg;
	while (!kthread_should_stop()) {
		rounds++;
		sync_point("labrat:thread");
		if (maker)
			make_a_record();
		if (wait_event_timeout(&never, false, 2 * NSEC_PER_MSEC) == -ENODEV)
			break;
	}
}

/* Read of 1 byte: passes a sync point inside. Of 2: waits until told to leave. Of
 * 3: tells its counters. */
static int labrat_read(struct file *f, void *buf, u32 len)
{
	(void)f;
	if (len == 1) {
		sync_point("labrat:read");
		*(u8 *)buf = 'r';
		return 1;
	}
	if (len == 2) {
		int err;
		do
			err = wait_event(&never, false);
		while (deaf && err == -ENODEV && !task_killed() && (sleep_ms(1), true));
		return err;
	}
	return MIN(snprintf(buf, len, "%u ticks, %u works, %u rounds\n", ticks, works, rounds), (int)len);
}

/* Four bytes are an address, which it reads. */
static int labrat_write(struct file *f, const void *buf, u32 len)
{
	u32 at;

	(void)f;
	if (len != sizeof(at))
		return -EINVAL;
	memcpy(&at, buf, sizeof(at));
	(void)*(const volatile u32 *)at;
	return (int)len;
}

static int labrat_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)f;
	if (cmd == 1)
		return timer_arm(timer, (u64)arg * NSEC_PER_USEC);
	if (cmd == 2)
		return work_queue(work);
	return -EINVAL;
}

static const struct chrdev_ops ops = { .read = labrat_read, .write = labrat_write, .ioctl = labrat_ioctl };

static void on_reboot(u32 event, void *data, void *arg)
{
	(void)event;
	(void)data;
	(void)arg;
}

static int step_fails(int step)
{
	return fail_at == step ? -EIO : 0;
}

static int __init labrat_init(void)
{
	void *made;
	int step = 1;

	if (step_fails(step++))
		return -EIO;
	if (!kmalloc(100) || !kmalloc(5000))
		return -ENOMEM;
	if (step_fails(step++))
		return -EIO;
	timer = timer_create("labrat", on_timer, NULL);
	if (IS_ERR(timer))
		return PTR_ERR(timer);
	if (step_fails(step++))
		return -EIO;
	work = work_create("labrat", on_work, NULL);
	if (IS_ERR(work))
		return PTR_ERR(work);
	if (step_fails(step++))
		return -EIO;
	made = notifier_register(&reboot_chain, "labrat", on_reboot, NULL, 0);
	if (IS_ERR(made))
		return PTR_ERR(made);
	if (step_fails(step++))
		return -EIO;
	made = thread ? kthread_run(run_thread, NULL, "labrat") : NULL;
	if (IS_ERR(made))
		return PTR_ERR(made);
	if (step_fails(step++))
		return -EIO;
	made = chrdev_register("labrat", &ops, NULL);
	if (IS_ERR(made))
		return PTR_ERR(made);
	if (step_fails(step++))
		return -EIO;
	if (busy_timer)
		return timer_arm(timer, NSEC_PER_MSEC);
	return 0;
}
module_init(labrat_init);

static int labrat_veto(void)
{
	bool no = veto;

	veto = false;
	return no ? -EAGAIN : 0;
}
module_veto(labrat_veto);

MODULE_DESCRIPTION("A driver for the tests of the kernel.");
MODULE_LICENSE("MIT");
