#include "entry/handle.h"
#include "entry/entry.h"
#include "x86/atomic.h"
#include "x86/panic.h"

static u32 slot_of(u32 handle) { return handle & (HANDLE_SLOTS - 1); }

/* A fresh one, else the one that has been free for longest. -1: none. */
static int next_free(struct handles *t)
{
	u32 slot = t->first_free;

	if (t->nr_used < t->nr_slots)
		return (int)t->nr_used++;
	if (!t->nr_free)
		return -1;
	t->first_free = t->slot[slot].next;
	t->nr_free--;
	return (int)slot;
}

u32 handle_take(struct handles *t)
{
	ASSERT(spin_held(&registry_lock));
	int slot = next_free(t);

	return slot < 0 ? 0 : ++t->slot[slot].generation << HANDLE_SLOT_BITS | (u32)slot;
}

void handle_publish(struct handles *t, struct entry *e)
{
	store_release(&t->slot[slot_of(e->handle)].entry, e);
}

void handle_drop(struct handles *t, const struct entry *e)
{
	u32 slot = slot_of(e->handle);
	struct handle_slot *s = &t->slot[slot];

	ASSERT(spin_held(&registry_lock) && s->entry == e);
	WRITE_ONCE(s->entry, NULL);
	if (s->generation == HANDLE_LAST_GENERATION)
		return;				/* retired */
	if (t->nr_free++)
		t->slot[t->last_free].next = slot;
	else
		t->first_free = slot;
	t->last_free = slot;
}

/*	CPU 0 (timer_arm)			CPU 1 (unload)
 *	interrupts off
 *	finds the record
 *						handle_drop(): not found any more
 *						round of IPIs: waits
 *	uses it; interrupts on, answers
 *						frees it
 */
struct entry *handle_find(const struct handles *t, u32 handle)
{
	u32 slot = slot_of(handle);
	struct entry *e = slot < t->nr_slots ? load_acquire(&t->slot[slot].entry) : NULL;

	DEBUG_ASSERT(!irqs_enabled());
	return e && e->handle == handle ? e : NULL;
}
