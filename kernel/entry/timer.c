/* Timers of modules: a record around a timer of the core. */
#include "entry/call_check.h"
#include "entry/timer.h"
#include "entry/turnstile.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/math64.h"
#include "mm/heap.h"
#include "sched/ktimer.h"
#include "sched/sync.h"
#include "x86/clock.h"
#include "x86/panic.h"

struct timer_record {
	struct entry e;
	struct spinlock lock;
	struct ktimer core;

	/* Fixed. */
	void (*driver)(void *arg);
	void *arg;

	/* Under lock; the handler's path reads it once, without. NULL: closed. */
	void (*fn)(void *arg);

	/* Under lock. */
	u64 deadline;			/* of the last arming, clock_ns() */
	bool wanted;			/* closed: arm it when it is opened again */
	bool dying;			/* must not be armed any more */
};

static struct timer_record *to_timer(struct entry *e)
{
	return container_of(e, struct timer_record, e);
}

/* Fired while closed: the wish is kept. It may have been opened meanwhile:
 *
 *   CPU 0 (timer interrupt)          CPU 1 (roll-back)
 *   fn = t->fn: NULL
 *                                    fn = the driver's; nothing wanted
 *   lock: open again, so arm anew
 */
static void hold_back(struct timer_record *t)
{
	sync_point("timer:held-back");
	u32 flags = spin_lock_irqsave(&t->lock);

	if (t->fn)
		ktimer_arm(&t->core, t->deadline);
	else if (!t->dying)
		t->wanted = true;
	spin_unlock_irqrestore(&t->lock, flags);
}

/* Timer interrupt. `fn` may be the driver's although the timer is being closed;
 * then this CPU is inside with interrupts off, and does not answer the IPI of an
 * inspection before it is out. */
static always_inline void fire_now(struct timer_record *t)
{
	void (*fn)(void *arg) = READ_ONCE(t->fn);

	if (likely(fn)) {
		struct call_check c = call_check_begin();
		fn(t->arg);
		(void)call_check_end(c, "timer", fn);
	} else {
		hold_back(t);
	}
}

static noinline void fire_counted(struct timer_record *t)
{
	u32 slot = t->e.slot;
	const struct turnstile *ts = turnstile_enter(slot);

	sync_point("timer:fire");
	fire_now(t);
	turnstile_leave(ts, slot);
}

static void fire(struct ktimer *core)
{
	struct timer_record *t = container_of(core, struct timer_record, core);

	if (unlikely((u32)READ_ONCE(turnstile) | sync_armed))
		fire_counted(t);
	else
		fire_now(t);
}

/*   CPU 0 (timer_arm)                CPU 1 (close)
 *   lock: open, arms, unlock
 *                                    lock: closes, takes it out: was armed, so
 *                                    wanted at its deadline
 * or
 *                                    lock: closes
 *   lock: closed: wanted, epoch + 1
 */
static void timer_close(struct entry *e)
{
	struct timer_record *t = to_timer(e);
	u32 flags = spin_lock_irqsave(&t->lock);

	WRITE_ONCE(t->fn, NULL);
	t->wanted = ktimer_cancel(&t->core);
	spin_unlock_irqrestore(&t->lock, flags);
}

static void timer_reopen(struct entry *e)
{
	struct timer_record *t = to_timer(e);
	u32 flags = spin_lock_irqsave(&t->lock);

	WRITE_ONCE(t->fn, t->driver);
	if (t->wanted)
		ktimer_arm(&t->core, t->deadline);	/* passed: fires at once */
	t->wanted = false;
	spin_unlock_irqrestore(&t->lock, flags);
}

static void timer_unlink(struct entry *e)
{
	struct timer_record *t = to_timer(e);
	u32 flags = spin_lock_irqsave(&t->lock);

	t->dying = true;
	t->wanted = false;
	WRITE_ONCE(t->fn, NULL);
	spin_unlock_irqrestore(&t->lock, flags);
	ktimer_cancel_sync(&t->core);
}

static void timer_free(struct entry *e)
{
	kfree(to_timer(e));
}

static void timer_describe(struct entry *e, char *buf, u32 size)
{
	struct timer_record *t = to_timer(e);
	const char *state = "idle";

	if (READ_ONCE(t->core.queued))
		state = "armed";
	else if (t->wanted)
		state = "held back";
	snprintf(buf, size, "timer %s, %s", e->name, state);
}

static const struct entry_ops timer_ops = {
	.kind = "timer",
	.close = timer_close,
	.reopen = timer_reopen,
	.unlink = timer_unlink,
	.free = timer_free,
	.describe = timer_describe,
};

struct timer *timer_create(const char *name, void (*fn)(void *arg), void *arg)
{
	const struct entry_part part[] = {
		{ "function", (u32)fn }, { "argument", (u32)arg },
		ENTRY_MAKER((u32)__builtin_return_address(0)),
	};
	struct timer_record *t = kzalloc(sizeof(*t));

	if (!t)
		return ERR_PTR(-ENOMEM);
	spin_init(&t->lock, "timer record", RANK_ENTRY_KIND, true);
	ktimer_init(&t->core, fire);
	t->driver = t->fn = fn;
	t->arg = arg;
	void *handle = entry_add(&t->e, &timer_ops, name, part, ARRAY_SIZE(part));
	if (IS_ERR(handle))
		kfree(t);
	return handle;
}

/* The record, locked; *flags for unlock_timer(). NULL: it is gone, and nothing is locked.
 * While the lock is another's, interrupts are as the caller had them, as in
 * spin_lock_irqsave(); but then the record may go, so it is looked up anew. Any context. */
static struct timer_record *lock_timer(const struct timer *handle, u32 *flags)
{
	for (;;) {
		*flags = irq_save();
		struct entry *e = entry_find(handle, &timer_ops);

		if (likely(e && spin_trylock(&to_timer(e)->lock)))
			return to_timer(e);
		irq_restore(*flags);
		if (!e)
			return NULL;
		cpu_relax();
	}
}

static void unlock_timer(struct timer_record *t, u32 flags)
{
	spin_unlock_irqrestore(&t->lock, flags);
}

int timer_arm(struct timer *handle, u64 ns)
{
	u64 deadline = clock_ns() + ns;
	struct timer_record *t;
	int err = -ENODEV;
	u32 flags;

	t = lock_timer(handle, &flags);
	if (!t)
		return -ENODEV;
	if (!t->dying) {
		t->deadline = deadline;
		if (t->fn) {
			ktimer_arm(&t->core, deadline);
			err = 0;
		} else {
			t->wanted = entry_hold_back(&t->e);
		}
	}
	unlock_timer(t, flags);
	return err;
}

bool timer_cancel(struct timer *handle)
{
	u32 flags;
	struct timer_record *t = lock_timer(handle, &flags);
	bool armed;

	if (!t)
		return false;
	armed = ktimer_cancel(&t->core) || t->wanted;
	t->wanted = false;
	unlock_timer(t, flags);
	return armed;
}

int timer_destroy(struct timer *handle)
{
	return entry_destroy(handle, &timer_ops, (u32)__builtin_return_address(0));
}
