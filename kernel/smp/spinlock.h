/* Spin locks. Taking one disables preemption; the _irq forms interrupts too.
 * Debug builds check the owner, the interrupt state and the lock order
 * (docs/ARCHITECTURE.md lists the ranks). */
#pragma once
#include "lib/types.h"
#include "smp/percpu.h"

/* The lock order: a CPU takes locks only in rising rank. */
enum lock_rank {
	RANK_DEVICE = 10,	/* drivers' own: first, so that under it they may call all that is
				 * for any context. The core calls no driver with a lock held */
	RANK_ENTRY = 20,	/* registry of entry points, and each kind's own list */
	RANK_IPC = 25,		/* handles, messages, processes */
	RANK_TASKLIST = 30,
	RANK_WAIT = 40,		/* wait queues */
	RANK_TIMER = 50,
	RANK_RQ = 60,		/* run queues; two at once in order of CPU number */
	RANK_HEAP = 70,
	RANK_FRAME = 80,
	RANK_KMAP = 75,
	RANK_LEAF = 90,		/* nothing is called under it; behind it only the console's, rawlock.h */
};

struct spinlock {
	u32 locked;		/* atomic */
	/* Fixed after creation. */
	u16 rank;
	bool irq;		/* taken in interrupt context, so interrupts must be off */
	const char *name;
	/* Owner only. */
	struct cpu *owner;
	u32 where;		/* EIP of the taker */
};

#define SPINLOCK(n, r)      { .rank = (r), .name = (n) }
/* A lock that interrupt handlers take as well. */
#define SPINLOCK_IRQ(n, r)  { .rank = (r), .name = (n), .irq = true }

void spin_init(struct spinlock *l, const char *name, enum lock_rank rank, bool irq);
void spin_lock(struct spinlock *l);
bool spin_trylock(struct spinlock *l) must_use;
void spin_unlock(struct spinlock *l);
/* Lets go of it, but preemption stays off: to be enabled by whoever goes on. */
void spin_unlock_pinned(struct spinlock *l);
u32  spin_lock_irqsave(struct spinlock *l);
void spin_unlock_irqrestore(struct spinlock *l, u32 flags);
/* Is it held by this CPU? Exact in all builds: whatever other CPUs write meanwhile, it is never
 * this one. */
static inline bool spin_held(const struct spinlock *l)
{
	return READ_ONCE(l->locked) && READ_ONCE(l->owner) == this_cpu();
}
