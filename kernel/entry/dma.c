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
#include "sched/way_out.h"
#include "x86/console.h"
#include "x86/paging.h"
#include "x86/symbols.h"

#define STOP_NS (1000 * NSEC_PER_MSEC)

struct dma {
	struct entry e;
	/* Fixed. */
	u64 address;
	u32 len;
	void (*stop)(void *arg);
	void *arg;
	/* Its owner's, and after that the unload's. */
	bool stopped;
};

static struct dma *to_dma(struct entry *e)
{
	return container_of(e, struct dma, e);
}

/* If it does not return, the device may write on: the memory must stay. */
static void stop_for_so_long(struct dma *d)
{
	struct owner *o = d->e.owner;
	struct way_out w;
	char where[64];

	if (call_with_way_out(d->stop, d->arg, o->base, o->size, STOP_NS, &w))
		return;
	o->stays = true;
	symbolise(w.left_at, where, sizeof(where));
	printk("dma %s of %s: its stop function did not return, and was left at %s; the module's memory stays set aside\n",
	       d->e.name, o->name, where);
}

static void stop_once(struct dma *d)
{
	const struct owner *o = d->e.owner;

	if (d->stopped)
		return;
	d->stopped = true;
	/* The driver's own dma_unmap() is as long as it likes. */
	if (READ_ONCE(o->state) == OWNER_GONE)
		stop_for_so_long(d);
	else
		d->stop(d->arg);
}

static void dma_stays(struct entry *e)
{
	(void)e;
}

/* GONE, the code is mapped until all records are unlinked. If it is not GONE, this is
 * the driver's dma_unmap(); or what a proposal of old left behind is being swept up,
 * and there is no code to call. */
static void dma_unlink(struct entry *e)
{
	if (READ_ONCE(e->owner->state) == OWNER_GONE)
		stop_once(to_dma(e));
}

static void dma_free(struct entry *e)
{
	kfree(to_dma(e));
}

static void dma_describe(struct entry *e, char *buf, u32 size)
{
	const struct dma *d = to_dma(e);

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

static bool is_one_piece_of(const struct owner *o, u32 va, u32 len)
{
	return len && len <= PAGE_SIZE - va % PAGE_SIZE && owner_holds(o, va) &&
	       owner_holds(o, va + len - 1) && kernel_translate(va) != ~0ull;
}

struct dma *dma_map(const char *name, void *buf, u32 len, void (*stop)(void *arg), void *arg)
{
	struct owner *owner = owner_of((u32)stop);
	struct dma *d;
	int err;

	if (!stop || !is_one_piece_of(owner, (u32)buf, len))
		return ERR_PTR(-EINVAL);
	d = kzalloc(sizeof(*d));
	if (!d)
		return ERR_PTR(-ENOMEM);
	d->address = kernel_translate((u32)buf);
	d->len = len;
	d->stop = stop;
	d->arg = arg;
	err = entry_add(&d->e, &dma_ops, owner, name);
	if (err) {
		kfree(d);
		return ERR_PTR(err);
	}
	return d;
}

u64 dma_address(const struct dma *d)
{
	return d->address;
}

void dma_unmap(struct dma *d)
{
	stop_once(d);
	entry_destroy(&d->e);
}
