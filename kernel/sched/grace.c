/* Grace periods at no cost for anybody else: a task of the core runs on each CPU in
 * turn. When it runs there, that CPU has been through schedule(). */
#include "sched/grace.h"
#include "lib/errno.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "x86/panic.h"

static struct wait_queue changed = WAIT_QUEUE(changed, "grace period");
static struct list deferred = LIST_INIT(deferred);	/* under changed.lock */

static bool nothing_deferred(void)
{
	u32 flags = spin_lock_irqsave(&changed.lock);
	bool none = list_empty(&deferred);

	spin_unlock_irqrestore(&changed.lock, flags);
	return none;
}

/* Takes what is there now: what comes later needs a period of its own. */
static void take_batch(struct list *batch)
{
	u32 flags = spin_lock_irqsave(&changed.lock);

	list_init(batch);
	while (!list_empty(&deferred)) {
		struct list *l = deferred.next;
		list_del(l);
		list_add_tail(batch, l);
	}
	spin_unlock_irqrestore(&changed.lock, flags);
}

static void pass_every_cpu(void)
{
	u32 cpu;

	for_each_cpu_in(cpu, cpus_online) {
		task_set_affinity(current, CPU_BIT(cpu));
		yield();	/* it moves when it passes through schedule() */
	}
}

static void grace_task(void *unused)
{
	struct list batch;

	(void)unused;
	for (;;) {
		(void)wait_event_core(&changed, !nothing_deferred(), WAIT_FOREVER);
		take_batch(&batch);
		pass_every_cpu();
		while (!list_empty(&batch)) {
			struct grace_callback *cb = list_first(&batch, struct grace_callback, node);
			list_del(&cb->node);
			cb->fn(cb);
		}
	}
}

void grace_init(void)
{
	struct task *t = task_create("grace", PRIO_TOP, grace_task, NULL);

	if (IS_ERR(t))
		panic("no memory for the task of grace periods");
	task_put(t);
}

void grace_defer(struct grace_callback *cb, void (*fn)(struct grace_callback *cb))
{
	u32 flags = spin_lock_irqsave(&changed.lock);

	cb->fn = fn;
	list_add_tail(&deferred, &cb->node);
	spin_unlock_irqrestore(&changed.lock, flags);
	wake_all(&changed);
}

struct waiting { struct grace_callback cb; bool over; };

static void period_is_over(struct grace_callback *cb)
{
	struct waiting *w = container_of(cb, struct waiting, cb);

	WRITE_ONCE(w->over, true);
	wake_all(&changed);		/* touches no part of *w, which is gone with its task's frame */
}

void grace_wait(void)
{
	struct waiting w = { .over = false };

	grace_defer(&w.cb, period_is_over);
	(void)wait_event_core(&changed, READ_ONCE(w.over), WAIT_FOREVER);
}
