/* Atomic operations, named by the order that they give. On x86 a plain load
 * is an acquire and a plain store is a release (Intel SDM vol. 3, 9.2.2); only
 * a store followed by a load needs a fence or a locked instruction. */
#pragma once
#include "lib/types.h"

#define load_acquire(p)        __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_release(p, v)    __atomic_store_n((p), (v), __ATOMIC_RELEASE)
/* Locked, a full fence. */
#define atomic_xchg(p, v)      __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define atomic_add(p, v)       __atomic_add_fetch((p), (v), __ATOMIC_SEQ_CST)
#define atomic_sub(p, v)       __atomic_sub_fetch((p), (v), __ATOMIC_SEQ_CST)
#define atomic_or(p, v)        __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
/* Stores `new` where *p is `old`; true when it did. Locked, a full fence. */
#define atomic_cmpxchg(p, old, new) ({                                          \
	__typeof__(*(p)) expected_ = (old);                                     \
	__atomic_compare_exchange_n((p), &expected_, (new), false,              \
	                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); })

/* Orders this CPU's earlier stores before its later loads. */
static always_inline void smp_mb(void)
{
	__asm__ volatile("lock; addl $0, (%%esp)" ::: "memory", "cc");
}

/* -- numbers that only rise ---------------------------------------------------------------
 * 64 bits, so that none wraps within the life of a machine. A store is one CMPXCHG8B, which
 * every CPU with PAE has (Intel SDM vol. 2): both halves at once. A load is of two halves, and
 * a store may come between them; then it is done again:
 *
 *	reader				writer
 *	high: 0
 *					0:ffffffff -> 1:00000000
 *	low: 0
 *	high: 1, not 0: once more
 *
 * If the high half is what it was, it was so all the time, as it never falls; so the low half
 * belongs to it. Each of them is aligned(8), or the lock would span two cache lines. */
static always_inline u64 rising_read(const u64 *p)
{
	const volatile u32 *half = (const volatile u32 *)p;
	u32 high, low;

	do {
		high = half[1];
		low = half[0];
	} while (unlikely(half[1] != high));
	return (u64)high << 32 | low;
}

/* Stores `new` where *p is `old`; true when it did. Locked, a full fence. */
static always_inline bool rising_cmpxchg(u64 *p, u64 old, u64 new)
{
	bool done;

	__asm__ volatile("lock; cmpxchg8b %1; sete %0"
	                 : "=q"(done), "+m"(*p), "+A"(old)
	                 : "b"((u32)new), "c"((u32)(new >> 32)) : "memory", "cc");
	return done;
}

/* To at least `to`: one that comes late takes nothing back. Any context. */
static always_inline void rising_raise(u64 *p, u64 to)
{
	u64 seen;

	do {
		seen = rising_read(p);
	} while (seen < to && !rising_cmpxchg(p, seen, to));
}

/* By one; what it is now. Any context. */
static always_inline u64 rising_next(u64 *p)
{
	u64 seen;

	do {
		seen = rising_read(p);
	} while (!rising_cmpxchg(p, seen, seen + 1));
	return seen + 1;
}
