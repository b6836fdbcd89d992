/* Deferred work. One queue, and as many workers as there are CPUs. When an item has waited for a millisecond
 * because all of them are in items (which may sleep, or compute), one more is started, and so on up to
 * MAX_SPARE more; a spare one that finds nothing to do ends. No module occupies more than MAX_PER_MODULE
 * of them, so that one whose work sleeps for long does not stop the work of others. */
#include "entry/call_check.h"
#include "entry/work.h"
#include "entry/turnstile.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/grace.h"
#include "sched/ktimer.h"
#include "sched/sync.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/panic.h"

struct work_record {
	struct entry e;
	/* Fixed. */
	void (*fn)(void *arg);
	void *arg;

	/* Under work_lock. */
	struct list node;		/* in the queue while WORK_QUEUED */
	enum { WORK_IDLE, WORK_GRACE, WORK_QUEUED, WORK_HELD } state;
	bool wants_grace;		/* HELD: a grace period has to come first */
	struct task *worker;		/* runs it now; NULL: nobody */
	bool closed;
	bool dying;

	struct grace_callback grace;	/* deferred while WORK_GRACE */
};

/* Also protects the queue. The function of a record is fetched under it, and
 * only from records in the queue, where no closed one is: so close() need not
 * replace the function. */
static struct spinlock work_lock = SPINLOCK_IRQ("work", RANK_ENTRY_KIND);
static struct list queue = LIST_INIT(queue);
static struct wait_queue workers_idle = WAIT_QUEUE(workers_idle, "work");
static struct wait_queue work_done = WAIT_QUEUE(work_done, "work done");

static struct work_record *to_work(struct entry *e)
{
	return container_of(e, struct work_record, e);
}

/* -- workers ------------------------------------------------------------------ */

#define MAX_SPARE      64u		/* besides one for each CPU */
#define MAX_PER_MODULE (MAX_SPARE / 2)
#define PATIENCE_NS    (1 * NSEC_PER_MSEC)	/* of an item, until a worker is added */
#define SPARE_IDLE_NS  (50 * NSEC_PER_MSEC)	/* then a spare worker ends */

/* All under work_lock. */
static u32 nr_kept, nr_workers, nr_busy;	/* those of the boot; all; of these, in items */
static u32 last_worker;				/* its number, for names */
static bool growing;				/* add_worker() will be called */
static struct { u32 busy; char name[MODULE_NAME_LEN]; } module_at[MAX_OWNERS + 1];	/* by slot */

static struct ktimer patience;
static struct grace_callback growth = GRACE_CALLBACK(growth);

static bool at_the_bound(void) { return nr_workers == nr_kept + MAX_SPARE; }

/* At the bound the last worker takes nothing of a module that occupies one already. */
static bool has_its_share(const struct work_record *w)
{
	u32 busy = module_at[w->e.slot].busy;

	return busy >= MAX_PER_MODULE ||
	       (busy && at_the_bound() && nr_workers - nr_busy <= 1);
}

/* The first item that no other worker is running, and whose module may have one more. Caller holds work_lock. */
static struct work_record *first_runnable(void)
{
	struct work_record *w;

	list_for_each(w, &queue, node)
		if (!w->worker && !has_its_share(w))
			return w;
	return NULL;
}

/* Caller holds work_lock. */
static void ask_for_worker(void)
{
	if (growing || nr_busy < nr_workers || at_the_bound())
		return;
	growing = true;
	ktimer_arm(&patience, clock_ns() + PATIENCE_NS);
}

/* Caller holds work_lock. */
static void note_busy(struct work_record *w)
{
	nr_busy++;
	if (!module_at[w->e.slot].busy++)
		strlcpy(module_at[w->e.slot].name, w->e.owner->name, MODULE_NAME_LEN);
	/* The next item may have been queued when this worker was still idle. */
	if (!list_empty(&queue)) {
		wake_one(&workers_idle);
		ask_for_worker();
	}
}

static bool work_is_waiting(void)
{
	u32 flags = spin_lock_irqsave(&work_lock);
	bool yes = first_runnable() != NULL;

	spin_unlock_irqrestore(&work_lock, flags);
	return yes;
}

/* A function of its own, so that what it knows of a module leaves the stack with
 * its frame before the worker sleeps. */
static noinline bool run_next(void)
{
	u32 flags = spin_lock_irqsave(&work_lock);
	struct work_record *w = first_runnable();
	u32 slot = w ? w->e.slot : 0;
	struct entry_call call;
	void (*fn)(void *arg);
	void *arg;

	if (!w) {
		spin_unlock_irqrestore(&work_lock, flags);
		return false;
	}
	list_del(&w->node);
	w->state = WORK_IDLE;
	w->worker = current;
	note_busy(w);
	fn = READ_ONCE(w->fn);
	arg = READ_ONCE(w->arg);
	entry_call_begin(&call, &w->e);
	/* Under the lock of close(): who is not counted here was not taken. */
	const struct turnstile *ts = turnstile_enter(w->e.slot);
	spin_unlock_irqrestore(&work_lock, flags);

	sync_point("work:taken");
	WRITE_ONCE(current->works_on, (u32)arg);	/* gates that its sleeps ask */
	struct call_check c = call_check_begin();
	fn(arg);
	(void)call_check_end(c, "work item", fn);
	WRITE_ONCE(current->works_on, 0);
	entry_call_end(&call);
	turnstile_leave(ts, w->e.slot);

	flags = spin_lock_irqsave(&work_lock);
	nr_busy--;
	module_at[slot].busy--;
	w->worker = NULL;		/* from here on the record may go */
	spin_unlock_irqrestore(&work_lock, flags);
	wake_all(&work_done);
	return true;
}

/* It has been idle for a while. An item that was queued since, and woke this worker in vain, is seen here:
 * both are under work_lock. */
static bool may_end(void)
{
	u32 flags = spin_lock_irqsave(&work_lock);
	bool spare = nr_workers > nr_kept && !first_runnable();

	if (spare)
		nr_workers--;
	spin_unlock_irqrestore(&work_lock, flags);
	return spare;
}

static void worker(void *spare)
{
	current->endless = true;
	do {
		while (run_next())
			wipe_dead_stack();
		(void)wait_event_core(&workers_idle, work_is_waiting(),
		                      spare ? clock_ns() + SPARE_IDLE_NS : WAIT_FOREVER);
	} while (!spare || !may_end());
}

/* 0, or -ENOMEM. Task context. */
static int start_worker(void *spare)
{
	char name[TASK_NAME_LEN];
	u32 flags = spin_lock_irqsave(&work_lock), number = spare ? last_worker++ : nr_kept;

	spin_unlock_irqrestore(&work_lock, flags);
	snprintf(name, sizeof(name), spare ? "worker/+%u" : "worker/%u", number);
	struct task *t = task_create(name, PRIO_NORMAL, worker, spare);
	if (IS_ERR(t))
		return PTR_ERR(t);
	task_put(t);
	return 0;
}

/* Names the module that occupies most of them. */
static void say_bound(void)
{
	u32 flags = spin_lock_irqsave(&work_lock), most = 0;
	char name[MODULE_NAME_LEN];

	for (u32 i = 1; i <= MAX_OWNERS; i++)
		if (module_at[i].busy > module_at[most].busy)
			most = i;
	u32 busy = module_at[most].busy, all = nr_workers;
	strlcpy(name, module_at[most].name, sizeof(name));
	spin_unlock_irqrestore(&work_lock, flags);
	printk("work: there are %u workers, and no more will be started; %u are in items of %s\n", all, busy, name);
}

/* In the task of grace periods: a task cannot be made in the context that queues work. */
static void add_worker(struct grace_callback *cb)
{
	(void)cb;
	u32 flags = spin_lock_irqsave(&work_lock);
	bool wanted = nr_busy == nr_workers && !at_the_bound() && first_runnable();

	growing = false;
	nr_workers += wanted;
	bool last = wanted && at_the_bound();
	spin_unlock_irqrestore(&work_lock, flags);
	if (last)
		say_bound();
	if (!wanted || !start_worker(&growth))
		return;
	flags = spin_lock_irqsave(&work_lock);
	nr_workers--;
	ask_for_worker();		/* later there may be memory */
	spin_unlock_irqrestore(&work_lock, flags);
}

/* Timer interrupt. */
static void patience_is_over(struct ktimer *unused)
{
	(void)unused;
	grace_defer(&growth, add_worker);
}

void work_init(void)
{
	ktimer_init(&patience, patience_is_over);
	for (u32 i = 0; i < MAX(nr_cpus, 1u); i++) {
		int err = start_worker(NULL);
		if (err && i == 0)
			panic("no memory for the first worker task: give the machine more memory");
		if (err)
			return;
		u32 flags = spin_lock_irqsave(&work_lock);
		nr_workers++;
		nr_kept++;
		spin_unlock_irqrestore(&work_lock, flags);
	}
}

/* -- the record --------------------------------------------------------------- */

/* Caller holds work_lock. */
static void enqueue(struct work_record *w)
{
	w->state = WORK_QUEUED;
	list_add_tail(&queue, &w->node);
	wake_one(&workers_idle);
	ask_for_worker();
}

/* The task of grace periods, which may be late: what it comes for may have been taken
 * back meanwhile, and even been deferred anew.
 *
 *   CPU 0 (grace)                      CPU 1
 *   takes w->grace off its list
 *                                      work_cancel(w), work_queue_after_grace(w)
 *   work_lock: deferred again: leaves
 *   it to the next period
 */
static void grace_is_over(struct grace_callback *cb)
{
	struct work_record *w = container_of(cb, struct work_record, grace);

	sync_point("work:grace-over");
	u32 flags = spin_lock_irqsave(&work_lock);

	if (w->state == WORK_GRACE && !grace_is_deferred(cb))
		enqueue(w);
	spin_unlock_irqrestore(&work_lock, flags);
}

/* Caller holds work_lock. */
static void start(struct work_record *w, bool after_grace)
{
	if (after_grace) {
		w->state = WORK_GRACE;
		grace_defer(&w->grace, grace_is_over);
	} else {
		enqueue(w);
	}
}

/* Caller holds work_lock. True when it was to run. */
static bool dequeue(struct work_record *w)
{
	bool was_in = w->state != WORK_IDLE;

	if (w->state == WORK_GRACE)
		grace_cancel(&w->grace);
	if (w->state == WORK_QUEUED)
		list_del(&w->node);
	w->state = WORK_IDLE;
	return was_in;
}

/*   CPU 0 (worker)                     CPU 1 (close)
 *   work_lock: takes w out, fn = w->fn
 *                                      work_lock: not queued, nothing to hold
 *   `call` lies on its stack: an
 *   inspection finds it
 * or
 *                                      work_lock: takes w out, held
 *   work_lock: finds no w
 */
static void work_close(struct entry *e)
{
	struct work_record *w = to_work(e);
	u32 flags = spin_lock_irqsave(&work_lock);

	w->closed = true;
	w->wants_grace = w->state == WORK_GRACE;
	if (dequeue(w))
		w->state = WORK_HELD;
	spin_unlock_irqrestore(&work_lock, flags);
	wake_all(&work_done);		/* those who flush look at the gate */
}

static void work_reopen(struct entry *e)
{
	struct work_record *w = to_work(e);
	u32 flags = spin_lock_irqsave(&work_lock);

	w->closed = false;
	if (w->state == WORK_HELD)
		start(w, w->wants_grace);
	spin_unlock_irqrestore(&work_lock, flags);
}

static bool is_running(struct work_record *w)
{
	return READ_ONCE(w->worker) != NULL;
}

static void work_unlink(struct entry *e)
{
	struct work_record *w = to_work(e);
	u32 flags;

	ASSERT(READ_ONCE(w->worker) != current);	/* entry_destroy() has asked */
	flags = spin_lock_irqsave(&work_lock);
	w->dying = true;
	dequeue(w);
	spin_unlock_irqrestore(&work_lock, flags);
	wake_all(&work_done);
	grace_cancel_sync(&w->grace);
	(void)wait_event_core(&work_done, !is_running(w), WAIT_FOREVER);
	/* The worker may hold the lock still. */
	flags = spin_lock_irqsave(&work_lock);
	spin_unlock_irqrestore(&work_lock, flags);
}

static void work_free(struct entry *e)
{
	kfree(to_work(e));
}

static void work_describe(struct entry *e, char *buf, u32 size)
{
	static const char *const state[] = { "idle", "in a grace period", "queued", "held back" };
	struct work_record *w = to_work(e);

	snprintf(buf, size, "work %s, %s", e->name, is_running(w) ? "running" : state[w->state]);
}

static const struct entry_ops work_ops = {
	.kind = "work",
	.close = work_close,
	.reopen = work_reopen,
	.unlink = work_unlink,
	.free = work_free,
	.describe = work_describe,
};

struct work *work_create(const char *name, void (*fn)(void *arg), void *arg)
{
	const struct entry_part part[] = {
		{ "function", (u32)fn }, { "argument", (u32)arg },
		ENTRY_MAKER((u32)__builtin_return_address(0)),
	};
	struct work_record *w = kzalloc(sizeof(*w));

	if (!w)
		return ERR_PTR(-ENOMEM);
	w->fn = fn;
	w->arg = arg;
	list_init(&w->node);
	list_init(&w->grace.node);
	void *handle = entry_add(&w->e, &work_ops, name, part, ARRAY_SIZE(part));
	if (IS_ERR(handle))
		kfree(w);
	return handle;
}

/* Caller holds work_lock, so it stays. NULL: it is gone. */
static struct work_record *find(const struct work *handle)
{
	struct entry *e = entry_find(handle, &work_ops);

	return e ? to_work(e) : NULL;
}

static bool put_in(const struct work *handle, bool after_grace)
{
	u32 flags = spin_lock_irqsave(&work_lock);
	struct work_record *w = find(handle);
	bool is_new = w && w->state == WORK_IDLE;

	if (!w || w->dying) {
		is_new = false;		/* nobody will run it */
	} else if (w->closed) {
		is_new = entry_hold_back(&w->e) && is_new;
		if (is_new) {
			w->state = WORK_HELD;
			w->wants_grace = after_grace;
		}
	} else if (is_new) {
		start(w, after_grace);
	}
	spin_unlock_irqrestore(&work_lock, flags);
	return is_new;
}

bool work_queue(struct work *w)             { return put_in(w, false); }
bool work_queue_after_grace(struct work *w) { return put_in(w, true); }

bool work_cancel(struct work *handle)
{
	u32 flags = spin_lock_irqsave(&work_lock);
	struct work_record *w = find(handle);
	bool was_in = w && dequeue(w);

	spin_unlock_irqrestore(&work_lock, flags);
	return was_in;
}

/* -EBUSY: it is queued or running; 0: neither; -ENODEV: it is gone. */
static int look_at(const struct work *handle)
{
	u32 flags = spin_lock_irqsave(&work_lock);
	const struct work_record *w = find(handle);
	/* What a closed door held back when the module went is not run any more. */
	bool dropped = w && w->state == WORK_HELD && entry_is_lost(&w->e);
	int what = !w ? -ENODEV : w->worker || (w->state != WORK_IDLE && !dropped) ? -EBUSY : 0;

	spin_unlock_irqrestore(&work_lock, flags);
	return what;
}

int work_flush(struct work *handle)
{
	/* The wait below is called from the core, so the scheduler does not see that
	 * a module waits here: ask for it. */
	u32 caller = (u32)__builtin_return_address(0);
	int going = 0, state = 0, err;

	if (!entry_may_wait(handle, &work_ops, caller))
		return -EDEADLK;
	err = wait_event(&work_done, (state = look_at(handle)) != -EBUSY ||
	                             (going = owner_gate_check(caller)));
	return err ? err : going ? going : state;
}

int work_destroy(struct work *handle)
{
	return entry_destroy(handle, &work_ops, (u32)__builtin_return_address(0));
}
