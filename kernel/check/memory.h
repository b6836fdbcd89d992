/* The memory checker of `make CHECKED=1`. GCC calls it at each access (-fsanitize=kernel-address,
 * out of line). A shadow byte tells of each granule of 8 bytes how many of them may be used, from the
 * first on (K. Serebryany et al., "AddressSanitizer", USENIX ATC 2012); here the shadow is a page for
 * each 32 KiB that hold blocks of a heap, and what has no page may be used.
 *
 * A checked block has a red zone behind it, the last 16 bytes of which are a record: how large it is,
 * the callers that allocated and freed it. It is the red zone of the block that follows, too. What is freed
 * stays closed, in quarantine, until as much again has been freed behind it. */
#pragma once
#include "lib/types.h"

#define SHADOW_GRANULE      8u
#define RED_ZONE     16u		/* at least so many bytes behind a block: struct block_record */

/* Shadow: 0: all of the granule; 1 to 7: so many bytes; or why none. */
#define SHADOW_RED   0xfa
#define SHADOW_FREE  0xfd		/* of a block that was freed */
#define SHADOW_END   0xfe		/* the last granule of a block's record */
#define SHADOW_HEAP  0xf9		/* the heap's own, or never handed out */

struct block_record {
	u32 size;			/* as asked for */
	u32 allocated_at, freed_at;	/* EIP; freed_at 0: it lives */
	struct block_record *next;	/* in quarantine */
};
_Static_assert(sizeof(struct block_record) == RED_ZONE, "a red zone holds a record");

struct quarantine {
	struct block_record *first, *last;
	u32 bytes, blocks;
};

/* Gives the range a shadow, permanently. False: no memory. new_page: a zeroed page, or
 * NULL; drop_page: another CPU was faster. Any context. */
bool shadow_cover(u32 addr, u32 len, void *(*new_page)(void), void (*drop_page)(void *)) must_use;
void shadow_set(u32 addr, u32 len, u8 code);
u8   shadow_of(u32 addr);		/* 0 where there is none */

/* `raw`, of `raw_size` bytes (16 at least more than `size`, a multiple of 8), is handed out by the
 * call at `caller`. */
void block_open(void *raw, u32 raw_size, u32 size, u32 caller);
/* It is freed: closed, and last in the quarantine. Panics if it is free already. */
void block_close(struct quarantine *q, void *raw, u32 raw_size, u32 caller);
/* Is it in quarantine? */
bool block_is_closed(const void *raw);
struct block_record *block_record(void *raw, u32 raw_size);
/* The oldest block, taken out, when more than `keep` bytes are in quarantine; else NULL. */
struct block_record *quarantine_pop(struct quarantine *q, u32 keep, u32 (*raw_size)(u32 size));
