/* A module that calls all of the interface, in random order, from every context: what
 * `torture -i` loads several times over, under many names. Everything that it does is allowed
 * by docs/MODULES.md. Init may fail after any number of steps; exit gives back some of what
 * there is, or nothing.
 *
 * What waits for another context (the end of a record, a flush) is done by those who come from
 * outside only, in ioctl, init and exit: or two of the module's own contexts could wait for
 * each other, which no core can mend. */
#pragma once
#include "modules/churn/library.h"
#include "modules/churn/random.h"

static u32 id;			/* of this instance: its devices are called after it */
module_param(id, uint);
static u32 fail_at;		/* init fails after so many steps; 0: it does not */
module_param(fail_at, uint);

#define INSTANCES 7		/* whose devices are opened: churn0.0 to churn6.1 */
#define DEVICES   2

static struct handles timers, works, threads, notifiers, callbacks, devices, lines, buffers, files,
	blocks;
static struct churn_object object;
static struct wait_queue resting = WAIT_QUEUE(resting, "churn");
static struct mutex mutex = MUTEX(mutex, "churn");
static u8 dma_buffer[64] aligned(64);
static volatile u32 steps_made;

typedef void (*step_fn)(void);

static void one_of(const step_fn *table, u32 n)
{
	steps_made++;
	table[random_below(n)]();
}
#define ONE_OF(table) one_of(table, ARRAY_SIZE(table))

static void with(struct handles *h, void (*use)(void *handle))
{
	void *handle = handle_pick(h, false);

	if (handle)
		use(handle);
}

static u64 short_time(void)
{
	return random_below(1000) * NSEC_PER_USEC;
}

/* -- any context --------------------------------------------------------------------- */

static void do_arm(void *t)         { (void)timer_arm(t, short_time()); }
static void do_cancel(void *t)      { (void)timer_cancel(t); }
static void do_queue(void *w)       { (void)work_queue(w); }
static void do_after_grace(void *w) { (void)work_queue_after_grace(w); }
static void do_cancel_work(void *w) { (void)work_cancel(w); }
static void do_call(void *n)        { (void)!callback_call((int)n, NULL); }

static void arm_timer(void)         { with(&timers, do_arm); }
static void cancel_timer(void)      { with(&timers, do_cancel); }
static void queue_work(void)        { with(&works, do_queue); }
static void queue_after_grace(void) { with(&works, do_after_grace); }
static void cancel_work(void)       { with(&works, do_cancel_work); }
static void wake_sleepers(void)     { wake_all(&resting); }

static const step_fn anywhere[] = {
	arm_timer, arm_timer, cancel_timer, queue_work, queue_after_grace, cancel_work, wake_sleepers,
};

static void on_timer(void *arg)
{
	(void)arg;
	ONE_OF(anywhere);
}

static int on_callback(void *data, void *arg)
{
	(void)data, (void)arg;
	ONE_OF(anywhere);
	return 0;
}

static enum irq_result on_irq(u32 irq, void *arg)
{
	(void)irq, (void)arg;
	ONE_OF(anywhere);
	return IRQ_NONE;
}

static void on_touch(struct churn_object *o)
{
	(void)o;
	ONE_OF(anywhere);
}

/* -- a task's ------------------------------------------------------------------------- */

static void rest(void)          { (void)sleep_interruptible_ns(short_time()); }
static void wait(void)          { (void)wait_event_timeout(&resting, false, short_time()); }
static void wait_in_lib(void)   { (void)churn_lib_wait(&resting, short_time()); }
static void call_back(void)     { with(&callbacks, do_call); }
static void scratch(void)       { churn_lib_scratch(&object); }

static void hold_mutex(void)
{
	if (mutex_lock_interruptible(&mutex))
		return;
	ONE_OF(anywhere);
	rest();
	mutex_unlock(&mutex);
}

static void allocate(void)
{
	void *block = kmalloc(1 + random_below(3000));

	if (block && !handle_keep(&blocks, block))
		kfree(block);
}

static void free_block(void)
{
	void *block = handle_pick(&blocks, true);

	if (block)
		kfree(block);
}

static const step_fn as_a_task[] = {
	rest, wait, wait_in_lib, call_back, scratch, hold_mutex, allocate, free_block,
};

static void some_step(void)
{
	if (random_below(2))
		ONE_OF(anywhere);
	else
		ONE_OF(as_a_task);
}

static void on_notice(u32 event, void *data, void *arg)
{
	(void)event, (void)data, (void)arg;
	some_step();
}

/* -- devices and files ------------------------------------------------------------------ */

static void read_one(struct file *f)
{
	u8 buf[16];

	(void)file_read(f, buf, sizeof(buf));
}

/* Of any instance, this one included; now and then the file stays open. */
static void use_a_file(void)
{
	struct file *f = handle_pick(&files, true);
	char name[24];

	if (!f) {
		snprintf(name, sizeof(name), "churn%u.%u", random_below(INSTANCES), random_below(DEVICES));
		f = file_open(name, random_below(2) ? FILE_NONBLOCK : 0);
	}
	if (IS_ERR(f))
		return;
	read_one(f);
	if (random_below(8) || !handle_keep(&files, f))
		file_close(f);
}

static void on_work(void *arg)
{
	(void)arg;
	some_step();
	if (!random_below(4))
		use_a_file();
}

static void run_thread(void *arg)
{
	u32 steps = random_below(32);		/* then it has done its job */

	(void)arg;
	while (!kthread_should_stop() && steps--) {
		some_step();
		if (!random_below(4))
			use_a_file();
		if (sleep_interruptible_ns(short_time()))
			return;
	}
}

static int open(struct file *f)
{
	some_step();
	if (!random_below(8))
		return -EBUSY;
	f->private = kmalloc(32);
	return f->private ? 0 : -ENOMEM;
}

static void release(struct file *f)
{
	some_step();
	kfree(f->private);
}

static int read(struct file *f, void *buf, u32 len)
{
	(void)f;
	memset(buf, 'c', len);
	some_step();
	return (int)len;
}

static void visited(void);

static int ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)f, (void)cmd, (void)arg;
	visited();
	return 0;
}

static const struct chrdev_ops ops = {
	.open = open, .release = release, .read = read, .ioctl = ioctl,
};

/* -- what makes and ends records: only for those who come from outside -------------------- */

static void quiet(void *arg)       { (void)arg; dma_buffer[0]++; }

static void end_timer(void *h)     { timer_destroy(h); }
static void end_work(void *h)      { work_destroy(h); }
static void end_thread(void *h)    { kthread_stop(h); }
static void end_notifier(void *h)  { notifier_unregister(h); }
static void end_callback(void *h)  { callback_unregister((int)h); }
static void end_device(void *h)    { chrdev_unregister(h); }
static void end_line(void *h)      { (void)free_irq(h); }
static void end_buffer(void *h)    { dma_unmap(h); }
static void end_file(void *h)      { file_close(h); }

static const struct { struct handles *of; void (*end)(void *handle); } ends[] = {
	{ &timers, end_timer }, { &works, end_work }, { &threads, end_thread },
	{ &notifiers, end_notifier }, { &callbacks, end_callback }, { &devices, end_device },
	{ &lines, end_line }, { &buffers, end_buffer }, { &files, end_file },
};

static void end_one(void)
{
	u32 i = random_below(ARRAY_SIZE(ends));
	void *handle = handle_pick(ends[i].of, true);

	if (handle)
		ends[i].end(handle);
}

static void made(struct handles *h, void *handle, void (*end)(void *handle))
{
	if (!IS_ERR(handle) && !handle_keep(h, handle))
		end(handle);
}

static void make_timer(void)
{
	made(&timers, timer_create("churn", on_timer, random_below(2) ? &object : NULL), end_timer);
}

static void make_work(void)   { made(&works, work_create("churn", on_work, NULL), end_work); }
static void make_thread(void) { made(&threads, kthread_run(run_thread, &object, "churn"), end_thread); }

static void make_notifier(void)
{
	made(&notifiers, notifier_register(&module_chain, "churn", on_notice, NULL, 0), end_notifier);
}

static void make_callback(void)
{
	int n = callback_register("churn", on_callback, &object);

	made(&callbacks, n < 0 ? ERR_PTR(n) : (void *)n, end_callback);
}

static void make_device(void)
{
	char name[24];

	snprintf(name, sizeof(name), "churn%u.%u", id, random_below(DEVICES));
	made(&devices, chrdev_register(name, &ops, &object), end_device);
}

static void make_line(void)
{
	made(&lines, request_irq(5, on_irq, IRQF_SHARED, "churn", &object), end_line);
}

static void make_buffer(void)
{
	made(&buffers, dma_map("churn", dma_buffer, sizeof(dma_buffer), quiet, NULL), end_buffer);
}

static void flush_work(void)
{
	void *w = handle_pick(&works, false);

	if (w)
		(void)work_flush(w);
}

static void lib_timer(void)    { (void)churn_lib_timer(&object); }
static void lib_work(void)     { (void)churn_lib_work(&object); }
static void lib_thread(void)   { (void)churn_lib_thread(&object); }
static void lib_keeps(void)    { (void)churn_lib_keep_timer(on_timer, &object); }

static void lib_calls(void)
{
	void *n = handle_pick(&callbacks, false);

	if (n)
		churn_lib_keep_callback((int)n);
}

static const step_fn from_outside[] = {
	end_one, end_one, end_one, flush_work, make_timer, make_work, make_thread, make_notifier,
	make_callback, make_device, make_device, make_line, make_buffer, lib_timer, lib_work, lib_thread,
	lib_keeps, lib_calls, churn_lib_poke, churn_lib_poke,
};

static void visited(void)
{
	some_step();
	ONE_OF(from_outside);
}

/* -- life --------------------------------------------------------------------------------- */

static int __init churn_init(void)
{
	object.fn = on_touch;
	make_device();
	for (u32 i = 1; i < 12 + random_below(12); i++) {
		if (i == fail_at)
			return -EIO;
		visited();
	}
	return 0;
}

/* It forgets everything, or most, or gives all of it back. */
static void __exit churn_exit(void)
{
	u32 n = random_below(3) * 20;

	while (n--)
		end_one();
}
module_exit(churn_exit);

static int churn_veto(void)
{
	return random_below(16) ? 0 : -EBUSY;
}
module_veto(churn_veto);
/* By name: to look through the boot archive for each symbol takes longer than all the rest of a load. */
MODULE_DEPENDS("churn_lib");
MODULE_LICENSE("MIT");
