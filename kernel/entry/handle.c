#include "entry/handle.h"
#include "entry/entry.h"
#include "x86/atomic.h"
#include "x86/panic.h"

static u32 slot_of(u32 handle) { return handle & (HANDLE_SLOTS - 1); }

/* The slots go round, so a slot is used again only after all others were. */
u32 handle_take(struct handles *t)
{
	ASSERT(spin_held(&registry_lock));
	for (u32 i = 0; i < t->nr_slots; i++) {
		t->last = (t->last + 1) % t->nr_slots;
		struct handle_slot *s = &t->slot[t->last];

		if (s->entry || s->generation == HANDLE_LAST_GENERATION)
			continue;
		return ++s->generation << HANDLE_SLOT_BITS | t->last;
	}
	return 0;
}

void handle_publish(struct handles *t, struct entry *e)
{
	store_release(&t->slot[slot_of(e->handle)].entry, e);
}

void handle_drop(struct handles *t, const struct entry *e)
{
	struct handle_slot *s = &t->slot[slot_of(e->handle)];

	ASSERT(spin_held(&registry_lock) && s->entry == e);
	WRITE_ONCE(s->entry, NULL);
}

/*	CPU 0 (timer_arm)			CPU 1 (unload)
 *	interrupts off
 *	finds the record
 *						handle_drop(): nobody new finds it
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
