/* Files: how tasks use a device. Their end is in file_end.c. */
#include "entry/call_check.h"
#include "entry/device.h"
#include "entry/turnstile.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sync.h"
#include "x86/clock.h"
#include "x86/panic.h"

/* -- open ----------------------------------------------------------------------------- */

/* Caller holds registry_lock. */
static bool count_opener(struct file *f, struct chrdev *d)
{
	const struct turnstile *ts = turnstile;

	if (!ts || !ts->get)
		return true;
	if (!ts->get(d->e.owner))
		return false;
	f->turnstile = ts;
	return true;
}

static int call_open(struct file *f, int (*open)(struct file *f))
{
	struct call_check c = call_check_begin();
	int err = open ? open(f) : 0;

	(void)call_check_end(c, "open", open);
	return err;
}

/* The driver's open(), between an enter and a leave. The module may have gone, all
 * of it, since attach(): then the device says so, and `slot` is another's. */
static noinline int open_counted(struct file *f)
{
	const struct turnstile *ts = READ_ONCE(turnstile);
	bool counted = ts && ts->open_enter;
	u32 slot = f->dev->e.slot;
	int err = -ENODEV;

	if (counted ? ts->open_enter(slot) : (turnstile_enter(slot), true)) {
		int (*open)(struct file *f) = READ_ONCE(f->dev->driver.open);

		if (!READ_ONCE(f->dev->gone) && !READ_ONCE(f->dev->e.closed))
			err = call_open(f, open);
		if (counted)
			ts->open_leave(slot);
		else
			turnstile_leave(ts, slot);
	}
	return err;
}

/* On the books of `d`: a holder from here on. Caller holds registry_lock. */
static void enter_on_books(struct file *f, struct chrdev *d)
{
	f->dev = d;
	f->dev_private = d->private;
	f->to = &d->to;
	f->user = current;
	f->calls = 1;			/* open() is one */
	f->counted = true;
	d->nr_open++;
	WRITE_ONCE(d->e.owner->nr_files, d->e.owner->nr_files + 1);
	list_add_tail(&d->files[FILES_USED], &f->node);
	file_join_party(f);
}

enum attached { ATTACHED, GATE_SHUT, TURNED_AWAY };

/* Puts `f` on the books of device `name` and fetches the driver's open(), both
 * under registry_lock. So an opener is known as a holder before it can enter,
 * and once files are cut off the function it is about to call lies on its stack.
 * 0; 1: the gate was shut, look again; -EAGAIN: it is, and FILE_NONBLOCK; -ENODEV; -EINTR. */
static int attach(struct file *f, const char *name, int (**open)(struct file *f))
{
	static const bool never = false;
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct chrdev *d = device_find(name);
	enum attached what = ATTACHED;
	int err;

	if (!d) {
		spin_unlock_irqrestore(&registry_lock, flags);
		return -ENODEV;
	}
	d->refs++;
	if (gate_is_shut(d, !file_may_join(d->e.owner, f->party)))
		what = GATE_SHUT;
	else if (!count_opener(f, d))
		what = TURNED_AWAY;
	if (what == ATTACHED) {
		enter_on_books(f, d);
		*open = READ_ONCE(d->driver.open);
	}
	spin_unlock_irqrestore(&registry_lock, flags);
	if (what == ATTACHED)
		return 0;

	err = what == TURNED_AWAY ? -ENODEV : gate_pass(d, true, &never, f->flags);
	device_put(d);
	return err ? err : 1;
}

/* -- all of it --------------------------------------------------------------------------- */

static struct file *new_file(u32 file_flags)
{
	struct file *f = kzalloc(sizeof(*f));

	if (!f)
		return NULL;
	f->flags = file_flags;
	f->task_id = current->id;
	f->party = file_party();
	strlcpy(f->task_name, current->name, sizeof(f->task_name));
	f->opened_at = clock_ns();
	list_init(&f->node);
	list_init(&f->link);
	return f;
}

static int open_device(struct file *f, const char *name)
{
	int (*open)(struct file *f) = NULL;
	int err;

	do {
		err = attach(f, name, &open);
	} while (err == 1);
	if (err) {
		kfree(f);
		return err;
	}
	sync_point("file:open");
	if (unlikely(READ_ONCE(turnstile)))
		err = open_counted(f);
	else
		err = call_open(f, open);
	return file_opened(f, err);
}

struct file *file_open(const char *name, u32 flags)
{
	struct file *f;
	int err;

	ASSERT(may_sleep() && stack_is_read());
	wipe_dead_stack();	/* it may rest at the gate */
	f = new_file(flags);
	if (!f)
		return ERR_PTR(-ENOMEM);
	err = open_device(f, name);
	return err < 0 ? ERR_PTR(err) : f;
}

/* -- calls ----------------------------------------------------------------------------- */

/* Calls the driver's function `op`, which is fetched once. In between comes what the
 * strategy wants done, and experiments: a function of its own, so that who is not counted
 * does not pay for it.
 *
 * That the call is in progress is noted in the file, which only the calling task writes:
 * no locked instruction, no fence. Who cuts the file off interrupts all CPUs instead:
 *
 *   CPU 0 (file_read)                  CPU 1 (owner_cut_files)
 *   calls = 1 (in the store buffer)
 *   to->read: the driver's
 *                                      to = leads_nowhere
 *                                      IPI, answered: CPU 0's stores are visible
 *                                      calls? 1: busy, its end releases
 * or
 *                                      to = leads_nowhere
 *                                      IPI
 *   calls = 1
 *   to->read: -ENODEV                  calls? 0: idle; or 1: its end releases
 *
 * The same at the end: either calls = 0 is seen there, or `watched` here. */
#define DEFINE_CALL(op, ...)                                                    \
	static noinline int op##_counted(struct file *f, PARAMS_##op)           \
	{                                                                       \
		u32 slot = f->dev->e.slot;                                      \
		const struct turnstile *ts = turnstile_enter(slot);             \
		op##_fn fn = READ_ONCE(f->to->op);                              \
		sync_point("file:" #op);                                        \
		struct call_check c = call_check_begin();                       \
		int n = CHECKED_##op(c, fn, fn(f, __VA_ARGS__));                \
		turnstile_leave(ts, slot);                                      \
		sync_point("file:left");                                        \
		return n;                                                       \
	}                                                                       \
	static always_inline int op##_plain(struct file *f, PARAMS_##op)        \
	{                                                                       \
		op##_fn fn = READ_ONCE(f->to->op);                              \
		struct call_check c = call_check_begin();                       \
		return CHECKED_##op(c, fn, fn(f, __VA_ARGS__));                 \
	}                                                                       \
	int file_##op(struct file *f, PARAMS_##op)                              \
	{                                                                       \
		int n;                                                          \
		DEBUG_ASSERT(stack_is_read());                                  \
		WRITE_ONCE(f->user, current);                                   \
		add_once(f->calls, 1u);                                         \
		barrier();                                                      \
		if (unlikely((u32)turnstile | sync_armed))                      \
			n = op##_counted(f, __VA_ARGS__);                       \
		else                                                            \
			n = op##_plain(f, __VA_ARGS__);                         \
		barrier();                                                      \
		add_once(f->calls, -1u);                                        \
		barrier();                                                      \
		if (unlikely(READ_ONCE(f->watched)))                            \
			file_call_ended(f);                                     \
		return n;                                                       \
	}
#define PARAMS_read  void *buf, u32 len
#define PARAMS_write const void *buf, u32 len
#define PARAMS_ioctl u32 cmd, u32 arg
#define CHECKED_read(c, fn, call)  call_check_size(c, "read", fn, call, len)
#define CHECKED_write(c, fn, call) call_check_size(c, "write", fn, call, len)
#define CHECKED_ioctl(c, fn, call) ({ int n_ = call; (void)call_check_end(c, "ioctl", fn); n_; })
DEFINE_CALL(read, buf, len)
DEFINE_CALL(write, buf, len)
DEFINE_CALL(ioctl, cmd, arg)
