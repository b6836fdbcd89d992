/* The library of group E. Its device: ioctl KIND uses the handle that it keeps, read answers. */
#include "modules/hazards/hazard.h"
#include "modules/hazards/clock.h"
#include "modules/hazards/e_library.h"

static struct timer *timer, *kept_timer;
static struct work *work;
static int callback;
static const volatile u32 *remembered;

static void touch(void *arg)
{
	struct e_object *o = arg;

	o->touched++;
}

static void touch_noticed(u32 event, void *data, void *arg)
{
	(void)event, (void)data;
	touch(arg);
}

static int touch_called(void *data, void *arg)
{
	(void)data;
	touch(arg);
	return 0;
}

static enum irq_result touch_interrupted(u32 irq, void *arg)
{
	(void)irq;
	if (!clock_has_ticked())
		return IRQ_NONE;
	touch(arg);
	return IRQ_HANDLED;
}

static void touch_on(void *arg)
{
	while (!kthread_should_stop()) {
		touch(arg);
		if (sleep_interruptible_ns(NSEC_PER_MSEC))
			return;
	}
}

static int result_of(const void *handle)
{
	return IS_ERR(handle) ? PTR_ERR(handle) : 0;
}

int e_watch(enum e_kind kind, struct e_object *o)
{
	switch (kind) {
	case E_TIMER:
		timer = timer_create("h_e", touch, o);
		return IS_ERR(timer) ? PTR_ERR(timer) : timer_arm(timer, 150 * stage.ms);
	case E_WORK:
		work = work_create("h_e", touch, o);
		return result_of(work);
	case E_NOTIFIER:
		return result_of(notifier_register(&stage.chain, "h_e", touch_noticed, o, 0));
	case E_CALLBACK:
		callback = callback_register("h_e", touch_called, o);
		return MIN(callback, 0);
	case E_IRQ:
		clock_start();
		return result_of(request_irq(CLOCK_IRQ, touch_interrupted, 0, "h_e", o));
	case E_THREAD:
		return result_of(kthread_run(touch_on, o, "h_e"));
	default:
		return -EINVAL;
	}
}
EXPORT_SYMBOL(e_watch);

int e_keep(void (*fn)(void *arg))
{
	kept_timer = timer_create("h_e", fn, NULL);
	return result_of(kept_timer);
}
EXPORT_SYMBOL(e_keep);

int e_wait(void)
{
	atomic_add(&stage.at, 1);
	return wait_event(&stage.queue, stage.go);
}
EXPORT_SYMBOL(e_wait);

void e_scratch(const void *p)
{
	const void **block = kmalloc(64);

	if (!block)
		return;
	block[8] = p;
	kfree(block);
}
EXPORT_SYMBOL(e_scratch);

void e_remember(const volatile u32 *p)
{
	remembered = p;
}
EXPORT_SYMBOL(e_remember);

/* Each time a function of the core is handed an address of the user's, whatever it answers. It
 * computes in between, and so can be stopped anywhere. */
static int use_handle_in_a_loop(void)
{
	atomic_add(&stage.at, 1);
	while (!stage.go) {
		u64 end = clock_ns() + stage.ms / 2;
		(void)timer_arm(kept_timer, stage.ms);
		while (!clock_passed(end))
			cpu_relax();
	}
	return 0;
}

static int library_ioctl(struct file *f, u32 cmd, u32 arg)
{
	switch (cmd) {
	case E_WORK:     return work_queue(work);
	case E_CALLBACK: return callback_call(callback, NULL);
	case E_HANDLE:   return timer_arm(kept_timer, stage.ms);
	case E_REMEMBERED: return remembered ? (int)(*remembered & 0xff) : 0;
	case E_FORGET:   remembered = NULL; return 0;
	case E_HANDLE_LOOP: return use_handle_in_a_loop();
	}
	return answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = library_ioctl };

static int __init library_init(void)
{
	return offer("h_e_library", &ops);
}
module_init(library_init);

static void __exit library_exit(void)
{
	withdraw();
	clock_stop();
}
module_exit(library_exit);
MODULE_DESCRIPTION("Hazards E1 to E18: the library");
MODULE_LICENSE("MIT");
