/* The heap of a module: it lies right behind the image in one range of
 * addresses, so that one comparison tells whether a word points into either,
 * and all of it goes with the module.
 *
 * Only the addresses and bytes are the module's. What is allocated is noted in
 * core memory, where a module that writes past its block cannot reach it. Pages
 * are mapped when they are first needed, from the bottom up. The caller
 * serialises (alloc.c does). */
#pragma once
#include "lib/types.h"

struct arena;

/* Maps `pages` zeroed pages at `va`: 0 or -ENOMEM. */
typedef int (*arena_mapper)(u32 va, u32 pages);

/* `base`: first byte behind the image, `size` bytes of addresses, both multiples
 * of the page size. NULL: no memory. */
struct arena *arena_create(u32 base, u32 size, arena_mapper map) must_use;
/* Zeroed, 16-byte aligned. NULL: no room. With map_more false (where page tables
 * may not be touched) only pages that are mapped already are used. */
void *arena_alloc(struct arena *a, u32 size, bool map_more) must_use;
/* Clears the block. False when `p` is not a live allocation of this arena. */
bool  arena_free(struct arena *a, const void *p) must_use;
/* How large the block at `p` is, which must be one. */
u32   arena_block_size(const struct arena *a, const void *p);
u32   arena_used_blocks(const struct arena *a);
u32   arena_used_bytes(const struct arena *a);		/* rounded up to 16 each */
u32   arena_mapped_pages(const struct arena *a);	/* from base on */
void  arena_destroy(struct arena *a);			/* the book-keeping only */
