/* Random numbers and a table of handles, for modules whose functions run on any CPU, in any
 * context, at the same time. */
#pragma once
#include "lib/prng.h"
#include "module/api.h"

static u32 seed = 1;
module_param(seed, uint);

/* In [0, n), n > 0. Any context. */
static u32 random_below(u32 n)
{
	static u32 turn;		/* atomic */
	struct prng p;

	prng_seed(&p, seed * 7919 + atomic_add(&turn, 1));
	(void)prng_next(&p);
	return prng_below(&p, n);
}

#define HANDLES 4

/* Handles of one kind. A handle is in the table of at most one kind, and is taken out of it
 * before it is ended: so each is ended once. It may be ended while others use it, which the
 * interface allows. */
struct handles {
	void *kept[HANDLES];		/* under handles_lock */
};

static struct spinlock handles_lock = SPINLOCK_IRQ("churn", RANK_DEVICE);

/* One of them, or NULL; `take`: it is the caller's from then on. Any context. */
static void *handle_pick(struct handles *h, bool take)
{
	u32 start = random_below(HANDLES), flags = spin_lock_irqsave(&handles_lock);
	void *found = NULL;

	for (u32 i = 0; i < HANDLES && !found; i++) {
		void **at = &h->kept[(start + i) % HANDLES];
		found = *at;
		if (found && take)
			*at = NULL;
	}
	spin_unlock_irqrestore(&handles_lock, flags);
	return found;
}

/* False: the table is full. Any context. */
static bool handle_keep(struct handles *h, void *handle)
{
	u32 flags = spin_lock_irqsave(&handles_lock);
	bool kept = false;

	for (u32 i = 0; i < HANDLES && !kept; i++) {
		if (!h->kept[i]) {
			h->kept[i] = handle;
			kept = true;
		}
	}
	spin_unlock_irqrestore(&handles_lock, flags);
	return kept;
}
