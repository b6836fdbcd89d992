/* churn_lib: the library of the churn modules (body.h). It forgets everything at its end. */
#include "modules/churn/library.h"
#include "modules/churn/random.h"

static struct handles timers, works, threads, callbacks;
static struct wait_queue resting = WAIT_QUEUE(resting, "churn_lib");

static void touch(void *arg)
{
	struct churn_object *o = arg;

	o->touched++;
	if (o->fn)
		o->fn(o);
}

static void thread(void *arg)
{
	while (!kthread_should_stop()) {
		touch(arg);
		if (wait_event_timeout(&resting, false, NSEC_PER_MSEC) != -ETIMEDOUT)
			return;
	}
}

static int kept(struct handles *h, void *handle, void (*end)(void *handle))
{
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	if (!handle_keep(h, handle))
		end(handle);
	return 0;
}

static void end_timer(void *t)  { timer_destroy(t); }
static void end_work(void *w)   { work_destroy(w); }
static void end_thread(void *t) { kthread_stop(t); }

int churn_lib_timer(struct churn_object *o)
{
	return kept(&timers, timer_create("churn_lib", touch, o), end_timer);
}
EXPORT_SYMBOL(churn_lib_timer);

int churn_lib_keep_timer(void (*fn)(void *arg), void *arg)
{
	return kept(&timers, timer_create("churn_lib", fn, arg), end_timer);
}
EXPORT_SYMBOL(churn_lib_keep_timer);

int churn_lib_work(struct churn_object *o)
{
	return kept(&works, work_create("churn_lib", touch, o), end_work);
}
EXPORT_SYMBOL(churn_lib_work);

int churn_lib_thread(struct churn_object *o)
{
	return kept(&threads, kthread_run(thread, o, "churn_lib"), end_thread);
}
EXPORT_SYMBOL(churn_lib_thread);

void churn_lib_keep_callback(int id)
{
	(void)handle_keep(&callbacks, (void *)id);
}
EXPORT_SYMBOL(churn_lib_keep_callback);

static void use(struct handles *h, void (*with)(void *handle), bool take)
{
	void *handle = handle_pick(h, take);

	if (handle)
		with(handle);
}

static void arm(void *t)    { (void)timer_arm(t, random_below(1000) * NSEC_PER_USEC); }
static void cancel(void *t) { (void)timer_cancel(t); }
static void queue(void *w)  { (void)work_queue(w); }
static void call(void *id)  { (void)!callback_call((int)id, NULL); }

void churn_lib_poke(void)
{
	switch (random_below(9)) {
	case 0: use(&timers, cancel, false); break;
	case 1: use(&timers, end_timer, true); break;
	case 2: use(&works, end_work, true); break;
	case 3: use(&threads, end_thread, true); break;
	case 4: use(&works, queue, false); break;
	case 5: use(&callbacks, call, false); break;
	case 6: use(&callbacks, call, true); break;
	default: use(&timers, arm, false); break;
	}
}
EXPORT_SYMBOL(churn_lib_poke);

int churn_lib_wait(struct wait_queue *q, u64 ns)
{
	return wait_event_timeout(q, false, ns);
}
EXPORT_SYMBOL(churn_lib_wait);

void churn_lib_scratch(const void *p)
{
	const void **block = kmalloc(64);

	if (!block)
		return;
	block[8] = p;
	kfree(block);
}
EXPORT_SYMBOL(churn_lib_scratch);

static int __init churn_lib_init(void)
{
	return 0;
}
module_init(churn_lib_init);
MODULE_DESCRIPTION("For torture -i: a library that works on its users' objects.");
MODULE_LICENSE("MIT");
