/* For the tests of exit (tests/kernel/test_exit.c): an exit that makes every call it can make, and
 * accuses itself where one does not come out as docs/MODULES.md promises. */
#include "module/api.h"
#include "entry/stage.h"

static bool stuck;
module_param(stuck, bool);
static bool slow;		/* a work item waits inside until it is sent home */
module_param(slow, bool);

static struct chrdev *dev;
static struct timer *timer, *armed;
static struct work *queued, *idle;
static struct thread *thread;
static struct notifier *notifier;
static struct file *other;
static bool running;
static struct mutex lock = MUTEX(lock, "leaver");
static struct mutex gone = MUTEX(gone, "leaver gone");
static struct wait_queue never = WAIT_QUEUE(never, "leaver never");

static void on_timer(void *arg)   { (void)arg; }
static void on_work(void *arg)    { (void)arg; }
/* Runs until it is sent home, and is queued once more by then: held back by its closed door. */
static void on_slow_work(void *arg)
{
	(void)arg;
	WRITE_ONCE(running, true);
	(void)wait_event(&never, false);
}
static void on_event(u32 event, void *data, void *arg) { (void)event, (void)data, (void)arg; }
static void run_thread(void *arg)
{
	(void)arg;
	while (!kthread_should_stop())
		if (sleep_interruptible_ns(NSEC_PER_SEC))
			break;
}
static int leaver_read(struct file *f, void *buf, u32 len) { (void)f, (void)buf; return (int)len; }
static const struct chrdev_ops ops = { .read = leaver_read };

static int __init leaver_init(void)
{
	dev = chrdev_register("leaver", &ops, NULL);
	timer = timer_create("leaver", on_timer, NULL);
	armed = timer_create("leaver far", on_timer, NULL);
	queued = work_create("leaver", on_slow_work, NULL);
	idle = work_create("leaver idle", on_work, NULL);
	notifier = notifier_register(&reboot_chain, "leaver", on_event, NULL, 0);
	thread = kthread_run(run_thread, NULL, "leaver");
	other = file_open("labrat", 0);
	if (IS_ERR(dev) || IS_ERR(timer) || IS_ERR(armed) || IS_ERR(queued) || IS_ERR(idle) ||
	    IS_ERR(notifier) || IS_ERR(thread) || IS_ERR(other))
		return -EIO;
	if (slow) {
		work_queue(queued);
		while (!READ_ONCE(running))
			sleep_ms(1);
		work_queue(queued);
	}
	return timer_arm(armed, 3600 * NSEC_PER_SEC);
}
module_init(leaver_init);

#define EXPECT(cond) do { if (!(cond)) stage_accuse("exit: not so: " #cond); } while (0)

static void use_doors(void)
{
	struct file *f;

	EXPECT(timer_arm(timer, 0) == -ENODEV);		/* a closed door opens no more */
	EXPECT(!work_queue(queued));
	EXPECT(work_flush(queued) == 0);		/* nothing of it runs, or will */
	EXPECT(work_flush(idle) == 0);
	EXPECT(timer_cancel(armed));
	f = file_open("leaver", 0);
	EXPECT(PTR_ERR(f) == -ENODEV);			/* its own device is gone */
	f = file_open("labrat", 0);
	EXPECT(PTR_ERR(f) == -ENODEV);			/* nothing new is begun */
	EXPECT(IS_ERR(timer_create("late", on_timer, NULL)));
}

static void use_others(void)
{
	char text[64];
	u64 since = clock_ns();
	void *p = kmalloc(100);

	EXPECT(p);
	kfree(p);
	sleep_ms(2);
	EXPECT(clock_ns() - since >= 2 * NSEC_PER_MSEC);
	EXPECT(sleep_interruptible_ns(NSEC_PER_MSEC) == 0);
	EXPECT(wait_event_timeout(&never, false, NSEC_PER_MSEC) == -ETIMEDOUT);
	mutex_lock(&lock);
	mutex_unlock(&lock);
	EXPECT(file_read(other, text, sizeof(text)) > 0);	/* one that it has open works */
	file_close(other);
}

static void give_back(void)
{
	kthread_stop(thread);
	work_destroy(queued);
	work_destroy(idle);
	timer_destroy(timer);
	timer_destroy(armed);
	notifier_unregister(notifier);
	chrdev_unregister(dev);
}

/* The second lock waits for the task itself. */
static void get_stuck(void)
{
	EXPECT(mutex_trylock(&gone));
	mutex_lock(&lock);
	wait_event(&never, false);
	wait_event(&never, false);
	stage_accuse("an exit went on behind its way out");
}

static void __exit leaver_exit(void)
{
	use_doors();
	use_others();
	give_back();
	atomic_add(&stage.at, 1);
	if (stuck)
		get_stuck();
}
module_exit(leaver_exit);

MODULE_DEPENDS("labrat");
MODULE_DESCRIPTION("A driver for the tests of exit.");
MODULE_LICENSE("MIT");
