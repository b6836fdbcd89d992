/* Kernel threads of modules: a record around a task of the core. */
#include "entry/call_check.h"
#include "entry/thread.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sync.h"
#include "x86/console.h"
#include "x86/panic.h"

struct thread_record {
	struct entry e;
	/* Fixed. */
	void (*driver)(void *arg);
	void *arg;

	/* Under registry_lock; the thread reads it once, without. NULL: closed. */
	void (*fn)(void *arg);

	/* Under registry_lock. */
	struct task *task;		/* the last one started; a reference */
	bool ended;			/* that one touches this record no more */
	bool asked;			/* it was asked to stop for an unload */
	bool stopped;			/* it ended after it had seen that it was asked */
	bool shut_out;			/* it ended because fn was closed */
	bool restart;			/* it is to begin again instead of ending */
	bool dying;			/* no more restarts */
};

static struct thread_record *to_thread(struct entry *e)
{
	return container_of(e, struct thread_record, e);
}

/* -- the thread ------------------------------------------------------------------ */

/* Back from the module, or never in it. True: begin again. Not when it has ended by itself,
 * unload or not: its job may be done, and its argument freed. It has been stopped if it saw
 * a sign to stop before it returned.
 *
 *   CPU 0 (thread)                    CPU 1 (unload)
 *                                     close: fn = NULL; asks to stop
 *   driver's function returns
 *                                     rolls back: fn = driver, not ended yet,
 *                                     so restart
 *   lock: restart
 * or
 *   lock: ended
 *                                     rolls back: ended, so starts a new task
 */
static bool begins_again(struct thread_record *t, bool entered)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool stopped = entered && current->told_to_leave;
	bool again = !t->dying && ((t->restart && stopped) || (!entered && t->fn));

	current->told_to_leave = false;
	if (again) {
		WRITE_ONCE(current->should_stop, false);
	} else {
		t->shut_out = !entered;
		t->stopped = stopped;
		t->ended = true;
	}
	t->restart = false;
	spin_unlock_irqrestore(&registry_lock, flags);
	return again;
}

static void thread_main(void *arg)
{
	struct thread_record *t = arg;
	struct entry_call call;
	void (*fn)(void *arg);

	WRITE_ONCE(current->works_on, (u32)t->arg);	/* gates that its sleeps ask */
	do {
		/* First: if fn is not NULL then, an inspection finds this task. */
		entry_call_begin(&call, &t->e);
		fn = READ_ONCE(t->fn);
		sync_point("thread:start");
		struct call_check c = call_check_begin();
		if (fn)
			fn(t->arg);
		(void)call_check_end(c, "thread", fn);
		entry_call_end(&call);
	} while (begins_again(t, fn != NULL));
}

/* A new task for `t`, not yet runnable. */
static struct task *create_task(struct thread_record *t, struct owner *owner, const char *name)
{
	struct task *task = task_create_stopped(name, PRIO_NORMAL, thread_main, t);

	if (!IS_ERR(task))
		task->owner = owner;
	return task;
}

/* Caller holds registry_lock. Gives back the task that was there before, or NULL. */
static struct task *start(struct thread_record *t, struct task *task)
{
	struct task *old = t->task;

	t->task = task;
	t->ended = t->asked = t->stopped = t->shut_out = t->restart = false;
	task_start(task);
	return old;
}

/* -- the record ------------------------------------------------------------------- */

static void thread_close(struct entry *e)
{
	WRITE_ONCE(to_thread(e)->fn, NULL);
}

/* A thread that ended by itself, before the unload or in the course of it, stays ended. */
static void thread_reopen(struct entry *e)
{
	struct thread_record *t = to_thread(e);

	WRITE_ONCE(t->fn, t->driver);
	if (t->ended)
		e->resume_due = (t->asked && t->stopped) || t->shut_out;
	else
		t->restart = t->asked;
	t->asked = false;
}

static void thread_resume(struct entry *e)
{
	struct thread_record *t = to_thread(e);
	struct task *task = create_task(t, e->owner, e->name), *old;
	u32 flags;

	if (IS_ERR(task)) {
		printk("thread %s of %s: no memory to start it again\n", e->name, e->owner->name);
		return;
	}
	flags = spin_lock_irqsave(&registry_lock);
	old = start(t, task);
	spin_unlock_irqrestore(&registry_lock, flags);
	task_put(old);
}

static void join(struct task *task)
{
	while (task_join(task, WAIT_FOREVER))
		;
}

static void thread_unlink(struct entry *e)
{
	struct thread_record *t = to_thread(e);
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct task *task = t->task;

	t->dying = true;
	spin_unlock_irqrestore(&registry_lock, flags);
	ASSERT(task != current);
	task_ask_stop(task);
	join(task);
}

static void thread_free(struct entry *e)
{
	struct thread_record *t = to_thread(e);

	task_put(t->task);
	kfree(t);
}

static void thread_describe(struct entry *e, char *buf, u32 size)
{
	struct thread_record *t = to_thread(e);

	snprintf(buf, size, "thread %s, task %u%s", e->name, t->task->id,
	         t->ended ? ", ended" : "");
}

static const struct entry_ops thread_ops = {
	.kind = "thread",
	.close = thread_close,
	.reopen = thread_reopen,
	.resume = thread_resume,
	.unlink = thread_unlink,
	.free = thread_free,
	.describe = thread_describe,
};

/* The task comes first, because it cannot be made under registry_lock; but it
 * starts under it, so that owner_stop_threads() finds every thread that runs. */
static void *enter_and_start(struct thread_record *t, struct task *task, const char *name,
                             const struct entry_part *part, u32 nr)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	int err = entry_add_locked(&t->e, &thread_ops, name, part, nr);

	if (err) {
		/* It is born all the same, sees no function, and ends. */
		t->fn = NULL;
		t->dying = true;
	} else {
		task->owner = t->e.owner;
	}
	(void)start(t, task);
	void *handle = err ? ERR_PTR(err) : entry_handle(&t->e);
	spin_unlock_irqrestore(&registry_lock, flags);
	return handle;
}

struct thread *kthread_run(void (*fn)(void *arg), void *arg, const char *name)
{
	u32 caller = (u32)__builtin_return_address(0);
	const struct entry_part part[] = {
		{ "function", (u32)fn }, { "argument", (u32)arg }, ENTRY_MAKER(caller),
	};
	struct thread_record *t;
	struct task *task;

	if (!entry_may_wait(NULL, &thread_ops, caller))
		return ERR_PTR(-EDEADLK);
	t = kzalloc(sizeof(*t));
	if (!t)
		return ERR_PTR(-ENOMEM);
	t->driver = t->fn = fn;
	t->arg = arg;
	task = create_task(t, NULL, name);
	if (IS_ERR(task)) {
		kfree(t);
		return ERR_PTR(PTR_ERR(task));
	}
	struct thread *handle = enter_and_start(t, task, name, part, ARRAY_SIZE(part));
	if (!IS_ERR(handle))
		return handle;
	join(task);
	task_put(task);
	kfree(t);
	return handle;
}

int kthread_stop(struct thread *handle)
{
	return entry_destroy(handle, &thread_ops, (u32)__builtin_return_address(0));
}

bool kthread_should_stop(void)
{
	bool stop = task_should_stop();

	if (stop)
		current->told_to_leave = true;
	return stop;
}

/* -- for unload/ --------------------------------------------------------------------- */

/* The threads of `o`. Caller holds registry_lock. */
#define for_each_thread_of(l, o)                                                \
	list_for_each(l, &(o)->entries, node)                                   \
		if ((l)->entry->ops == &thread_ops)

void owner_stop_threads(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry_link *l;

	for_each_thread_of(l, o) {
		to_thread(l->entry)->asked = true;
		task_ask_stop(to_thread(l->entry)->task);
	}
	spin_unlock_irqrestore(&registry_lock, flags);
}

u32 owner_threads_alive(struct owner *o, u32 *id, char name[TASK_NAME_LEN])
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct entry_link *l;
	u32 n = 0;

	for_each_thread_of(l, o) {
		struct task *task = to_thread(l->entry)->task;

		if (task_is_dead(task))
			continue;
		if (!n++ && id)
			*id = task->id;
		if (n == 1 && name)
			memcpy(name, task->name, TASK_NAME_LEN);
	}
	spin_unlock_irqrestore(&registry_lock, flags);
	return n;
}
