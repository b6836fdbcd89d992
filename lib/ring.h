/* A byte ring for one producer and one consumer. The indices run freely and
 * wrap; size is a power of two. With several of either kind, lock around it. */
#pragma once
#include "lib/types.h"

struct ring {
	u8 *buf;
	u32 size;
	u32 head;	/* written by the producer */
	u32 tail;	/* written by the consumer */
};

static inline void ring_init(struct ring *r, u8 *buf, u32 size)
{
	*r = (struct ring){ .buf = buf, .size = size };
}

static inline u32 ring_used(const struct ring *r)
{
	return __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) -
	       __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
}

static inline bool ring_put(struct ring *r, u8 byte)
{
	u32 head = r->head;
	if (head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) == r->size)
		return false;
	r->buf[head & (r->size - 1)] = byte;
	__atomic_store_n(&r->head, head + 1, __ATOMIC_RELEASE);
	return true;
}

static inline bool ring_get(struct ring *r, u8 *byte)
{
	u32 tail = r->tail;
	if (__atomic_load_n(&r->head, __ATOMIC_ACQUIRE) == tail)
		return false;
	*byte = r->buf[tail & (r->size - 1)];
	__atomic_store_n(&r->tail, tail + 1, __ATOMIC_RELEASE);
	return true;
}
