/* The heap of a module: it lies right behind the image in one range of
 * addresses, so that one comparison tells whether a word points into either,
 * and all of it goes with the module. */
#pragma once
#include "lib/types.h"

struct module;
struct arena;

/* `base`: first byte behind the image, `size` bytes of addresses. NULL: no memory. */
struct arena *arena_create(u32 base, u32 size) must_use;
void *arena_alloc(struct arena *a, u32 size) must_use;	/* zeroed, 16-byte aligned */
/* False when `p` is not a live allocation of this arena. */
bool  arena_free(struct arena *a, void *p) must_use;
u32   arena_used_blocks(const struct arena *a);
u32   arena_used_bytes(const struct arena *a);
u32   arena_mapped_pages(const struct arena *a);	/* from base on */
void  arena_destroy(struct arena *a);			/* the book-keeping only */
