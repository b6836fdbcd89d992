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
