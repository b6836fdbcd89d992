/* For the tests of files (tests/kernel/test_files.c): a driver whose release(), open() and calls do
 * what is awkward. What it did is counted on the stage, which outlives it: stage.at rises with
 * each release(). */
#include "module/api.h"
#include "entry/stage.h"
#include "sched/sync.h"

enum { PLAIN, DRAINS, HANGS, APART, OPEN_APART, EXCLUSIVE, NESTED, OPEN_FAILS };

static u32 mode;
module_param(mode, uint);
static bool forgets, fails, stubborn, waits;
module_param(forgets, bool);
module_param(fails, bool);
module_param(stubborn, bool);
module_param(waits, bool);

static struct chrdev *dev, *inner;
static struct timer *transfer;
static volatile bool busy;
static u32 is_apart;
static struct mutex one = MUTEX(one, "one opener");
static struct wait_queue never = WAIT_QUEUE(never, "filer never");

static int filer_open(struct file *f)
{
	sync_point("filer:open");
	if (mode == OPEN_FAILS)
		return -EACCES;
	if (mode == OPEN_APART)
		chrdev_unregister(dev);
	if (mode == EXCLUSIVE)
		return mutex_trylock(&one) ? 0 : -EBUSY;
	if (mode == NESTED) {
		f->private = file_open("filer-inner", 0);
		return IS_ERR(f->private) ? PTR_ERR(f->private) : 0;
	}
	return 0;
}

static void filer_release(struct file *f)
{
	sync_point("filer:release");
	while (mode == DRAINS && busy)
		sleep_ms(1);
	if (mode == HANGS)
		sync_point("filer:hang");
	if (mode == APART && !atomic_xchg(&is_apart, 1))
		chrdev_unregister(dev);
	if (mode == EXCLUSIVE)
		mutex_unlock(&one);
	if (mode == NESTED)
		file_close(f->private);
	f->private = NULL;
	atomic_add(&stage.at, 1);
}

/* len 2: sleeps until it is sent home. */
static int filer_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	if (mode == DRAINS) {
		busy = true;
		int err = timer_arm(transfer, 20 * NSEC_PER_MSEC);
		if (err)
			return err;
	}
	return len == 2 ? wait_event(&never, false) : (int)len;
}

static int inner_write(struct file *f, const void *buf, u32 len)
{
	(void)f, (void)buf;
	return (int)len;
}

static void transfer_ends(void *arg)
{
	(void)arg;
	busy = false;
}

static struct file *own;	/* a file of this device that the module itself has opened */

static int close_own_in_call(void)
{
	int err;

	own = file_open("filer", 0);
	if (IS_ERR(own))
		return PTR_ERR(own);
	err = file_ioctl(own, 9, 0);
	return err ? err : file_close(own) == -ENODEV ? 0 : -EIO;	/* it is closed by now */
}

static int use_inner(void)
{
	struct file *f = file_open("filer-inner", 0);
	char byte = 'x';

	if (IS_ERR(f))
		return PTR_ERR(f);
	if (file_write(f, &byte, 1) != 1 || file_read(f, &byte, 1) != 1)
		return -EIO;
	return file_close(f) ?: file_write(f, &byte, 1) == -ENODEV ? 0 : -EIO;
}

/* 7: closes the caller's file, which is not this module's to close. 8: opens one, and closes
 * it in a call on it (9). 10: reads and writes another device. */
static int filer_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)arg;
	switch (cmd) {
	case 7: return file_close(f);
	case 8: return close_own_in_call();
	case 9: return file_close(own) ?: f->private ? -EIO : 0;	/* it is there still */
	case 10: return use_inner();
	}
	return -ENOTTY;
}

static const struct chrdev_ops ops = {
	.open = filer_open, .release = filer_release, .read = filer_read, .ioctl = filer_ioctl,
};
static const struct chrdev_ops inner_ops = { .read = filer_read, .write = inner_write, .release = NULL };

static void poll(void *arg)
{
	(void)arg;
	while (!kthread_should_stop())
		if (sleep_interruptible_ns(NSEC_PER_MSEC))
			break;
}

static int __init filer_init(void)
{
	struct file *f;

	transfer = timer_create("filer", transfer_ends, NULL);
	if (IS_ERR(transfer))
		return PTR_ERR(transfer);
	inner = chrdev_register("filer-inner", &inner_ops, NULL);
	if (IS_ERR(inner))
		return PTR_ERR(inner);
	dev = chrdev_register("filer", &ops, NULL);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	if (forgets) {
		f = file_open("labrat", 0);
		if (IS_ERR(f))
			return PTR_ERR(f);
	}
	sync_point("filer:init");
	if (waits) {
		struct thread *t = kthread_run(poll, NULL, "filer");
		return IS_ERR(t) ? PTR_ERR(t) : wait_event(&never, false);
	}
	return fails ? -EIO : 0;
}
module_init(filer_init);

static int filer_veto(void)
{
	if (stubborn)
		sync_point("filer:veto");
	return 0;
}
module_veto(filer_veto);

MODULE_DESCRIPTION("A driver for the tests of files.");
MODULE_LICENSE("MIT");
