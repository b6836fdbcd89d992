/* Grace periods at no cost for anybody else: a task of the core runs on each CPU in
 * turn. When it runs there, that CPU has been through schedule(). */
#include "sched/grace.h"
#include "lib/errno.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "x86/panic.h"

static struct wait_queue changed = WAIT_QUEUE(changed, "grace period");
/* Under changed.lock. */
static struct list deferred = LIST_INIT(deferred);	/* since the last period began */
static struct list due = LIST_INIT(due);		/* when the one under way is over */
static struct grace_callback *running;

static bool nothing_deferred(void)
{
	u32 flags = spin_lock_irqsave(&changed.lock);
	bool none = list_empty(&deferred);

	spin_unlock_irqrestore(&changed.lock, flags);
	return none;
}

/* Takes what is there now: what comes later needs a period of its own. */
static void take_batch(void)
{
	u32 flags = spin_lock_irqsave(&changed.lock);

	list_splice_tail(&due, &deferred);
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

/* False: none was left. */
static bool run_next(void)
{
	u32 flags = spin_lock_irqsave(&changed.lock);
	struct grace_callback *cb = NULL;

	if (!list_empty(&due)) {
		cb = list_first(&due, struct grace_callback, node);
		list_del(&cb->node);
	}
	WRITE_ONCE(running, cb);
	spin_unlock_irqrestore(&changed.lock, flags);
	wake_all(&changed);		/* those in grace_cancel_sync() */
	if (cb)
		cb->fn(cb);		/* afterwards it may be gone */
	return cb != NULL;
}

static void grace_task(void *unused)
{
	(void)unused;
	current->endless = true;
	for (;;) {
		(void)wait_event_core(&changed, !nothing_deferred(), WAIT_FOREVER);
		take_batch();
		pass_every_cpu();
		while (run_next())
			;
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
	list_del(&cb->node);
	list_add_tail(&deferred, &cb->node);
	spin_unlock_irqrestore(&changed.lock, flags);
	wake_all(&changed);
}

bool grace_is_deferred(const struct grace_callback *cb)
{
	u32 flags = spin_lock_irqsave(&changed.lock);
	bool is = !list_empty(&cb->node);

	spin_unlock_irqrestore(&changed.lock, flags);
	return is;
}

void grace_cancel(struct grace_callback *cb)
{
	u32 flags = spin_lock_irqsave(&changed.lock);

	list_del(&cb->node);
	spin_unlock_irqrestore(&changed.lock, flags);
}

void grace_cancel_sync(struct grace_callback *cb)
{
	grace_cancel(cb);
	(void)wait_event_core(&changed, READ_ONCE(running) != cb, WAIT_FOREVER);
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
	struct waiting w = { .cb = GRACE_CALLBACK(w.cb) };

	grace_defer(&w.cb, period_is_over);
	(void)wait_event_core(&changed, READ_ONCE(w.over), WAIT_FOREVER);
}
