/* The end of a file: one task calls the driver's release(), once, and one frees it.
 *
 * Three paths can end it: its holder closes it; the last call of a file returns that was cut
 * off or closed meanwhile; a task of the core releases idle files that were cut off. The end
 * belongs to the path that takes the file from FILE_OPEN to FILE_RELEASING under
 * registry_lock. The memory is freed by the later of the end and the close:
 *
 *   holder (file_close)                 releaser (file_cut.c)
 *   lock: FILE_OPEN, so mine; dropped
 *   release()                           lock: not FILE_OPEN: passes it by
 *   RELEASED, dropped: frees
 * or
 *                                       lock: FILE_OPEN, so mine
 *   lock: dropped; returns              release()
 *                                       RELEASED, dropped: frees
 * or
 *                                       lock: FILE_OPEN, so mine
 *                                       release()
 *                                       RELEASED
 *   lock: dropped, RELEASED: frees
 *
 * release(), open() and any call may unregister the device. From then on the owner may be
 * freed, so the code that follows them uses the file and its device only (the file holds a
 * reference to the device). `counted` says whether the owner still exists. A call that closes
 * its own file is safe likewise: the file is kept until the call has returned. */
#include "entry/call_check.h"
#include "entry/device.h"
#include "entry/turnstile.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "sched/sync.h"
#include "x86/console.h"
#include "x86/panic.h"

struct wait_queue file_ends = WAIT_QUEUE(file_ends, "end of a file");

void file_free(struct file *f)
{
	device_put(f->dev);
	kfree(f);
}

/* The last one wakes the unload that waits for holders. */
static void uncount(struct file *f)
{
	struct owner *o = f->dev->e.owner;

	ASSERT(spin_held(&registry_lock));
	if (!f->counted)
		return;
	f->counted = false;
	if (f->turnstile)
		f->turnstile->put(o);
	f->turnstile = NULL;
	f->dev->nr_open--;
	WRITE_ONCE(o->files_ended, o->files_ended + 1);
	WRITE_ONCE(o->nr_files, o->nr_files - 1);
	if (!o->nr_files)
		wake_all(&o->gate);
}

/* True if both the end and the close are done: it is off its list, and the caller frees it.
 * Caller holds registry_lock. */
static bool take_if_dead(struct file *f)
{
	bool dead = f->state == FILE_RELEASED && f->dropped;

	if (dead)
		list_del(&f->node);
	return dead;
}

bool file_set_ended(struct file *f)
{
	WRITE_ONCE(f->state, FILE_RELEASED);
	uncount(f);
	file_unlink(f);
	file_move(f, f->dev->gone ? FILES_GONE : FILES_DONE);
	if (f->cut)
		wake_all(&file_ends);
	return take_if_dead(f);
}

void file_ended(struct file *f)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool dead = file_set_ended(f);

	spin_unlock_irqrestore(&registry_lock, flags);
	if (dead)
		file_free(f);
}

/* A task in open() or release() sees that when the driver returns. */
bool file_lost_device(struct file *f)
{
	if (f->state == FILE_OPEN || f->state == FILE_RELEASED)
		return file_set_ended(f);
	uncount(f);
	file_unlink(f);
	file_move(f, FILES_GONE);
	return false;
}

/* -- whose end it is ------------------------------------------------------------------- */

/* The owner that must be waited for before `f` can be closed; NULL: none.
 * Caller holds registry_lock. */
static struct owner *end_is_up_to(const struct file *f)
{
	const struct chrdev *d = f->dev;
	const struct owner *o = d->e.owner;

	if (d->gone || f->state != FILE_OPEN)
		return NULL;
	/* Or a strategy has closed the doors, and turns callers away: its fate decides. */
	return o->state == OWNER_GONE || (o->marked && d->e.closed) ? d->e.owner : NULL;
}

static bool is_settled(const struct file *f)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool settled = !end_is_up_to(f);

	spin_unlock_irqrestore(&registry_lock, flags);
	return settled;
}

static void wait_settled(struct file *f)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct owner *o = end_is_up_to(f);

	if (o)
		owner_gate_enter(o);
	spin_unlock_irqrestore(&registry_lock, flags);
	if (!o)
		return;
	(void)wait_event_core(&o->gate, is_settled(f), WAIT_FOREVER);
	owner_gate_leave(o);
}

/* A close is allowed while a strategy has the module GOING and open files are in use: it is a
 * way in, so it raises the epoch, under the lock of the commit, and release() is fetched
 * under it: it lies on the stack from then on.
 *
 *   CPU 0 (file_close)                  CPU 1 (unload)
 *                                       inspects CPU 0's task: outside
 *   registry_lock: state GOING,
 *   epoch + 1, fetches release()
 *                                       commit: epoch changed, void
 *   release(f)
 *                                       inspects again */
bool file_claim_end(struct file *f, release_fn *release)
{
	struct owner *o = f->dev->e.owner;

	ASSERT(spin_held(&registry_lock));
	if (f->state != FILE_OPEN || READ_ONCE(f->calls))
		return false;
	f->state = FILE_RELEASING;
	f->user = current;
	file_move(f, FILES_REST);
	*release = READ_ONCE(f->dev->driver.release);
	if (o->state == OWNER_GOING)
		owner_raise_epoch(o);
	return true;
}

/* As file_claim_end(); fails while the outcome of an unload decides whether release() is called.
 * A file that is cut off is left to a task of the core then. */
static bool claim(struct file *f, release_fn *release)
{
	if (!end_is_up_to(f))
		return file_claim_end(f, release);
	if (f->cut && !f->calls)
		file_move(f, FILES_IDLE);
	return false;
}

void file_release(struct file *f, release_fn release)
{
	u32 slot = f->dev->e.slot;
	const struct turnstile *ts = turnstile_enter(slot);

	sync_point("file:close");
	/* Under a strategy that counts entrances, an unload that did not see this one has
	 * unregistered the device before it looked. */
	struct call_check c = call_check_begin();
	if (release && !READ_ONCE(f->dev->gone))
		release(f);
	(void)call_check_end(c, "release", release);
	turnstile_leave(ts, slot);
	sync_point("file:released");
}

/* -- close ------------------------------------------------------------------------------ */

void file_end_by_holder(struct file *f)
{
	release_fn release;
	bool claimed, waits;
	u32 flags;

	do {
		flags = spin_lock_irqsave(&registry_lock);
		claimed = claim(f, &release);
		waits = !claimed && end_is_up_to(f) && !f->cut;
		spin_unlock_irqrestore(&registry_lock, flags);
		if (waits)
			wait_settled(f);
	} while (waits);
	if (claimed) {
		file_release(f, release);
		file_ended(f);
	}
}

void file_drop(struct file *f)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool dead;

	f->dropped = true;
	dead = take_if_dead(f);
	spin_unlock_irqrestore(&registry_lock, flags);
	if (dead)
		file_free(f);
}

static void close_now(struct file *f)
{
	if (f->e.ops) {			/* a module's: the end of a record */
		(void)entry_destroy(entry_handle(&f->e), f->e.ops, (u32)file_close);
		return;
	}
	file_end_by_holder(f);
	file_drop(f);
}

/* From inside a call on that file: the call will touch it when it returns. */
static bool close_later(struct file *f)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool later = f->calls != 0;

	if (later)
		f->close_late = f->watched = true;
	spin_unlock_irqrestore(&registry_lock, flags);
	return later;
}

int file_close(struct file *f)
{
	if (unlikely(!may_sleep()))
		panic("close of %s, a file of module %s, with a spin lock held, preemption or interrupts off: did a call of "
		      "it return so? (make CHECKED=1 tells which)", f->dev->e.name, f->dev->e.owner->name);
	ASSERT(stack_is_read());
	if (!close_later(f))
		close_now(f);
	return 0;
}

/* -- the end of a call -------------------------------------------------------------------- */

/* The path that cut it off saw the call in progress and left the release to its end. */
void file_call_ended(struct file *f)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool last = !f->calls, close = last && f->close_late, claimed = false;
	release_fn release;

	if (last && f->busy)
		file_unlink(f);
	if (close)
		f->close_late = false;
	else if (last && f->cut)
		claimed = claim(f, &release);
	spin_unlock_irqrestore(&registry_lock, flags);
	if (close)
		close_now(f);
	if (claimed) {
		file_release(f, release);
		file_ended(f);
	}
}

int file_opened(struct file *f, int err)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool open = err >= 0, kept;

	WRITE_ONCE(f->calls, 0);
	if (f->busy)
		file_unlink(f);
	if (open && !f->dev->gone)
		f->state = FILE_OPEN;
	else
		(void)!file_set_ended(f);	/* not dropped, so not dead */
	kept = open && !f->cut && !f->close_late;
	spin_unlock_irqrestore(&registry_lock, flags);
	if (kept)
		return 0;
	f->close_late = false;
	close_now(f);
	return open ? -ENODEV : err;
}
