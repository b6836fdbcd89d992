/* Slabs: a run of frames cut into objects of one size, with a bit for each that
 * tells whether it is free (J. Bonwick, "The Slab Allocator", USENIX 1994; ours
 * keeps no constructed objects). The bits lie apart from the objects: a double
 * free is told for certain, and in debug builds a free object is poison all over,
 * so that a write after free is seen. Pure; the caller locks. */
#pragma once
#include "lib/list.h"
#include "lib/types.h"
#include "x86/layout.h"

#define SLAB_MIN         16
#define SLAB_MAX         2048
#define SLAB_CLASSES     8		/* 16, 32 ... 2048 */
#define SLAB_MAX_OBJECTS 256
#define SLAB_POISON      0xdf

/* At the start of its frames, which are aligned to their size. 64 bytes, so that
 * objects of 64 bytes and more are aligned to cache lines. */
struct slab {
	struct list node;		/* in the class's partial list unless full */
	u16 nr_used;
	u8 class;
	u8 hint;			/* no word of free[] below this one has a bit set */
	u32 free[SLAB_MAX_OBJECTS / 32];
} aligned(64);

struct slab_class {
	/* Fixed. */
	u8 index;
	u8 order;			/* frames of a slab: 2^order */
	u16 nr_objects;			/* in one slab */
	u32 object_size;
	/* Under the caller's lock. */
	struct list partial;		/* slabs with a free object, never an empty one ... */
	struct slab *spare;		/* ... but this: one empty slab is kept */
	u32 nr_slabs;
	u32 nr_used;			/* objects */
};

/* The class for blocks of `size` bytes (at most SLAB_MAX). */
static inline u32 slab_class_for(size_t size)
{
	return size <= SLAB_MIN ? 0 : 28 - (u32)__builtin_clz((u32)size - 1);
}

static inline u32 slab_bytes(const struct slab_class *c) { return (u32)PAGE_SIZE << c->order; }

void slab_class_init(struct slab_class *c, u32 index);
/* A free object, or NULL: give it a slab with slab_add() first. */
void *slab_alloc(struct slab_class *c) must_use;
/* Makes slab_bytes() of memory, aligned to their size, a slab of the class. */
void slab_add(struct slab_class *c, void *memory);
/* Frees object `p`, which lies in a slab of this class. NULL, or what is wrong
 * with it; then nothing was done. *unused: memory of a slab to give back, or NULL. */
const char *slab_free(struct slab_class *c, void *p, void **unused) must_use;
