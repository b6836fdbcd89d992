/* What was given to devices: a record around a stop function.
 *
 *   device                            CPU 0 (unload)
 *   writes                            close: nothing, the memory is there still,
 *                                     and a roll-back finds the device at work
 *   writes                            nobody is inside: exit
 *                                     (forgot dma_unmap) unlink: stop()
 *   quiet                             unmap, free
 */
#include "entry/dma.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "sched/way_out.h"
#include "x86/console.h"
#include "x86/paging.h"
#include "x86/symbols.h"

#define STOP_NS (1000 * NSEC_PER_MSEC)

struct dma_record {
	struct entry e;
	/* Fixed. */
	u64 address;
	u32 len;
	void (*stop)(void *arg);
	void *arg;
	/* Under registry_lock. */
	bool stopped;			/* stop() has been called: once */
	struct task *stopper;		/* is in it now */
};

static struct wait_queue stop_returned = WAIT_QUEUE(stop_returned, "dma stop");

static struct dma_record *to_dma(struct entry *e)
{
	return container_of(e, struct dma_record, e);
}

/* Caller holds registry_lock. False: stop() has been called, or is being called. */
static bool claim_stop(struct dma_record *d, struct entry_call *call)
{
	if (d->stopped)
		return false;
	d->stopped = true;
	d->stopper = current;
	entry_call_begin(call, &d->e);
	return true;
}

/* If it does not return, the device may write on: the memory must stay. */
static void stop_for_so_long(struct dma_record *d)
{
	const struct owner *o = d->e.owner;
	struct way_out w;
	char where[64];

	if (call_with_way_out(d->stop, d->arg, o->base, o->size, STOP_NS, &w))
		return;
	d->e.ender->stays = true;
	symbolise(w.left_at, where, sizeof(where));
	printk("dma %s of %s: its stop function did not return, and was left at %s; the module's memory stays set aside\n",
	       d->e.name, d->e.ender->name, where);
}

/* By a caller that has claimed it. The record stays: dma_unlink() waits. The driver's own
 * dma_unmap() takes as long as it likes, an unload has a bound. */
static void run_stop(struct dma_record *d, struct entry_call *call, bool bounded)
{
	u32 flags;

	if (bounded)
		stop_for_so_long(d);
	else
		d->stop(d->arg);
	entry_call_end(call);
	flags = spin_lock_irqsave(&registry_lock);
	WRITE_ONCE(d->stopper, NULL);
	wake_all(&stop_returned);
	spin_unlock_irqrestore(&registry_lock, flags);
}

static void dma_stays(struct entry *e)
{
	(void)e;
}

/* Is this the end of a module that was found to be empty? Its code is mapped until all
 * records are unlinked. If not, this is the driver's dma_unmap(), which has stopped the
 * device; or what a proposal of old left behind is being swept up, and there may be no
 * code to call. */
static bool is_orderly_end(const struct dma_record *d)
{
	const struct owner *o = d->e.ender;

	return o && READ_ONCE(o->state) == OWNER_GONE && kernel_translate((u32)d->stop) != ~0ull;
}

/* The task that ran exit may have been taken out of stop() at its deadline, and runs the
 * rest of the unload: then there is no return to wait for. */
static bool stop_is_over(const struct dma_record *d)
{
	const struct task *t = READ_ONCE(d->stopper);

	return !t || t == current;
}

static void dma_unlink(struct entry *e)
{
	struct dma_record *d = to_dma(e);
	struct entry_call call;
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool mine = is_orderly_end(d) && claim_stop(d, &call);

	spin_unlock_irqrestore(&registry_lock, flags);
	if (mine)
		run_stop(d, &call, true);
	(void)wait_event_core(&stop_returned, stop_is_over(d), WAIT_FOREVER);
	/* The task that was in it may still hold the lock. */
	flags = spin_lock_irqsave(&registry_lock);
	spin_unlock_irqrestore(&registry_lock, flags);
}

static void dma_free(struct entry *e)
{
	kfree(to_dma(e));
}

static void dma_describe(struct entry *e, char *buf, u32 size)
{
	const struct dma_record *d = to_dma(e);

	snprintf(buf, size, "dma %s, %u bytes at 0x%llx", e->name, d->len, d->address);
}

static const struct entry_ops dma_ops = {
	.kind = "dma",
	.close = dma_stays,
	.reopen = dma_stays,
	.unlink = dma_unlink,
	.free = dma_free,
	.describe = dma_describe,
};

static bool is_one_piece_of_a_module(u32 va, u32 len)
{
	const struct owner *o = owner_of(va);

	return len && len <= PAGE_SIZE - va % PAGE_SIZE && owner_holds(o, va) &&
	       owner_holds(o, va + len - 1) && kernel_translate(va) != ~0ull;
}

struct dma *dma_map(const char *name, void *buf, u32 len, void (*stop)(void *arg), void *arg)
{
	const struct entry_part part[] = {
		{ "stop function", (u32)stop }, { "argument", (u32)arg }, { "buffer", (u32)buf },
		ENTRY_MAKER((u32)__builtin_return_address(0)),
	};
	struct dma_record *d;

	if (!stop || !is_one_piece_of_a_module((u32)buf, len))
		return ERR_PTR(-EINVAL);
	d = kzalloc(sizeof(*d));
	if (!d)
		return ERR_PTR(-ENOMEM);
	d->address = kernel_translate((u32)buf);
	d->len = len;
	d->stop = stop;
	d->arg = arg;
	void *handle = entry_add(&d->e, &dma_ops, name, part, ARRAY_SIZE(part));
	if (IS_ERR(handle))
		kfree(d);
	return handle;
}

/* Interrupts off, until they are on again it stays. NULL: it is gone. */
static struct dma_record *find(const struct dma *handle)
{
	struct entry *e = entry_find(handle, &dma_ops);

	return e ? to_dma(e) : NULL;
}

u64 dma_address(const struct dma *handle)
{
	u32 flags = irq_save();
	const struct dma_record *d = find(handle);
	u64 address = d ? d->address : 0;

	irq_restore(flags);
	return address;
}

int dma_unmap(struct dma *handle)
{
	u32 caller = (u32)__builtin_return_address(0), flags;
	struct entry_call call;
	struct dma_record *d;
	bool mine;

	if (!entry_may_wait(handle, &dma_ops, caller))
		return -EDEADLK;
	flags = spin_lock_irqsave(&registry_lock);
	d = find(handle);
	mine = d && claim_stop(d, &call);
	spin_unlock_irqrestore(&registry_lock, flags);
	if (mine)
		run_stop(d, &call, false);
	return entry_destroy(handle, &dma_ops, caller);
}
