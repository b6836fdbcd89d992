/* Handles: what a process can do is what it has handles of. */
#include "ipc/object.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "x86/panic.h"

#define FIRST_SLOTS 24u			/* what a block of 512 bytes holds */

struct spinlock ipc_lock = SPINLOCK_IRQ("ipc", RANK_IPC);
static u32 nr_in_use;			/* under ipc_lock */

/* -- objects ----------------------------------------------------------------------- */

void object_get(struct object *o)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);

	DEBUG_ASSERT(o->refs);
	o->refs++;
	spin_unlock_irqrestore(&ipc_lock, flags);
}

void object_put(struct object *o)
{
	u32 flags;
	bool last;

	if (!o)
		return;
	flags = spin_lock_irqsave(&ipc_lock);
	ASSERT(o->refs);
	last = --o->refs == 0;
	spin_unlock_irqrestore(&ipc_lock, flags);
	if (last && o->kind->destroy)
		o->kind->destroy(o);
}

/* -- slots ------------------------------------------------------------------------- */

int handles_init(struct handle_table *t)
{
	*t = (struct handle_table){ .nr_slots = FIRST_SLOTS, .next_free = HANDLE_FIRST_FREE };
	t->slot = kzalloc(FIRST_SLOTS * sizeof(*t->slot));
	return t->slot ? 0 : -ENOMEM;
}

/*	CPU 0				CPU 1
 *	nr_slots is 24
 *	allocates 48
 *					the same
 *	lock: still 24: moves
 *					lock: no longer 24: frees its 48 */
int handles_grow(struct handle_table *t)
{
	u32 old = READ_ONCE(t->nr_slots), more = MIN(2 * old, MAX_HANDLES), flags;
	struct handle *bigger, *unused;

	if (old >= MAX_HANDLES)
		return -EMFILE;
	unused = bigger = kzalloc(more * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	flags = spin_lock_irqsave(&ipc_lock);
	if (t->nr_slots == old && !t->closed) {
		memcpy(bigger, t->slot, old * sizeof(*bigger));
		unused = t->slot;
		t->slot = bigger;
		t->nr_slots = more;
	}
	spin_unlock_irqrestore(&ipc_lock, flags);
	kfree(unused);
	return 0;
}

/* Caller holds ipc_lock. 0: none. */
static u32 free_slot(struct handle_table *t)
{
	while (t->next_free < t->nr_slots && t->slot[t->next_free].object)
		t->next_free++;
	return t->next_free < t->nr_slots ? t->next_free : 0;
}

/* Caller holds ipc_lock. `nr` is free. */
static void fill(struct handle_table *t, u32 nr, struct handle h)
{
	h.rights &= h.object->kind->rights;
	t->slot[nr] = h;
	h.object->refs++;
	t->nr_used++;
	nr_in_use++;
	if (h.watch)
		h.watch->handles++;
	if (h.object->kind->opened)
		h.object->kind->opened(h.object, h.rights);
}

struct object *handle_remove(struct handle_table *t, u32 nr)
{
	struct handle *h = handle_at(t, nr), old;

	DEBUG_ASSERT(spin_held(&ipc_lock));
	if (!h)
		return NULL;
	old = *h;
	*h = (struct handle){ .object = NULL };
	t->nr_used--;
	nr_in_use--;
	if (nr >= HANDLE_FIRST_FREE)
		t->next_free = MIN(t->next_free, nr);
	if (old.watch && --old.watch->handles == 0)
		old.object->kind->badge_closed(old.object, old.watch);
	if (old.object->kind->closed)
		old.object->kind->closed(old.object, old.rights);
	return old.object;
}

/* -- use ----------------------------------------------------------------------------- */

struct object *handle_get(const struct handle_table *t, u32 nr, const struct object_kind *kind,
                          u32 rights, struct handle *out)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);
	struct handle *h = handle_at(t, nr);
	struct object *o;

	if (!h)
		o = ERR_PTR(-EBADF);
	else if (kind && h->object->kind != kind)
		o = ERR_PTR(-EINVAL);
	else if (rights & ~h->rights)
		o = ERR_PTR(-EPERM);
	else {
		o = h->object;
		o->refs++;
		if (out)
			*out = *h;
	}
	spin_unlock_irqrestore(&ipc_lock, flags);
	return o;
}

/* Caller holds ipc_lock. The slot, -EAGAIN: no room, -EEXIST, -ESRCH. */
static int add(struct handle_table *t, u32 nr, struct handle h)
{
	if (t->closed)
		return -ESRCH;
	if (!nr)
		nr = free_slot(t);
	if (!nr || nr >= t->nr_slots)
		return -EAGAIN;
	if (t->slot[nr].object)
		return -EEXIST;
	fill(t, nr, h);
	return (int)nr;
}

int handle_add(struct handle_table *t, u32 nr, struct object *o, u32 rights, u32 badge)
{
	int slot, err = 0;

	if (nr >= MAX_HANDLES)
		return -EINVAL;
	do {
		u32 flags = spin_lock_irqsave(&ipc_lock);

		slot = add(t, nr, (struct handle){ o, rights, badge, ~0u, NULL });
		spin_unlock_irqrestore(&ipc_lock, flags);
		if (slot == -EAGAIN)
			err = handles_grow(t);
	} while (slot == -EAGAIN && !err);
	return err ? err : slot;
}

/* Caller holds ipc_lock. What add() says, or that *h does not allow it. */
static int copy_as(const struct handle *h, struct handle_table *to, u32 slot, const struct copy_as *as)
{
	struct handle copy;

	if (!h)
		return -EBADF;
	if (!(h->rights & RIGHT_GIVE) || (as->badge && !(h->rights & RIGHT_RECEIVE)))
		return -EPERM;
	if (as->watch && !h->object->kind->badge_closed)
		return -EINVAL;
	copy = *h;
	copy.rights &= as->rights;
	copy.mask &= as->mask ? as->mask : ~0u;
	if (as->badge) {
		copy.badge = as->badge;
		copy.watch = as->watch;
	}
	return add(to, slot, copy);
}

/* From slot to slot under one lock: in between the original may be closed, and its badge with it. */
int handle_copy_as(const struct handle_table *from, u32 nr, struct handle_table *to, u32 slot,
                   const struct copy_as *as)
{
	int got, err = 0;

	if (slot >= MAX_HANDLES)
		return -EINVAL;
	do {
		u32 flags = spin_lock_irqsave(&ipc_lock);

		got = copy_as(handle_at(from, nr), to, slot, as);
		spin_unlock_irqrestore(&ipc_lock, flags);
		if (got == -EAGAIN)
			err = handles_grow(to);
	} while (got == -EAGAIN && !err);
	return err ? err : got;
}

int handle_copy(const struct handle_table *from, u32 nr, struct handle_table *to)
{
	struct handle *h = handle_at(from, nr);

	DEBUG_ASSERT(spin_held(&ipc_lock));
	if (!h)
		return -EBADF;
	if ((h->rights & (RIGHT_GIVE | RIGHT_RECEIVE)) != RIGHT_GIVE)
		return -EPERM;
	return add(to, 0, *h);
}

int handle_close(struct handle_table *t, u32 nr)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);
	struct object *o = handle_remove(t, nr);

	spin_unlock_irqrestore(&ipc_lock, flags);
	object_put(o);
	return o ? 0 : -EBADF;
}

void handles_close_all(struct handle_table *t)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);

	t->closed = true;
	spin_unlock_irqrestore(&ipc_lock, flags);
	for (u32 nr = 1; nr < t->nr_slots; nr++)
		(void)!handle_close(t, nr);
	kfree(t->slot);		/* closed, so nobody replaces it */
	t->slot = NULL;
	t->nr_slots = 0;
}

u32 handles_in_use(void) { return READ_ONCE(nr_in_use); }
