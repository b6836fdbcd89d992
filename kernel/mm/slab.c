#include "mm/slab.h"
#include "lib/string.h"
#include "x86/panic.h"

_Static_assert(sizeof(struct slab) == 64, "objects start on a cache line");

void slab_class_init(struct slab_class *c, u32 index)
{
	/* More frames for larger objects: seven at least share one header. */
	static const u8 order[SLAB_CLASSES] = { 0, 0, 0, 0, 0, 1, 2, 2 };
	u32 size = SLAB_MIN << index;

	*c = (struct slab_class){ .index = (u8)index, .order = order[index], .object_size = size };
	c->nr_objects = (u16)((slab_bytes(c) - sizeof(struct slab)) / size);
	list_init(&c->partial);
}

static void *object_at(const struct slab_class *c, struct slab *s, u32 i)
{
	return (u8 *)(s + 1) + i * c->object_size;
}

#ifdef DEBUG
static void poison(void *p, u32 size)
{
	memset(p, SLAB_POISON, size);
}

static void check_poison(const void *p, u32 size)
{
	const u8 *byte = p;

	for (u32 i = 0; i < size; i++)
		if (byte[i] != SLAB_POISON)
			panic("heap: block %p of %u bytes was written at +%u after it was freed",
			      p, size, i);
}
#else
static void poison(void *p, u32 size)             { (void)p, (void)size; }
static void check_poison(const void *p, u32 size) { (void)p, (void)size; }
#endif

void slab_add(struct slab_class *c, void *memory)
{
	struct slab *s = memory;

	*s = (struct slab){ .class = c->index };
	for (u32 i = 0; i < c->nr_objects; i++)
		s->free[i / 32] |= 1u << (i % 32);
	poison(object_at(c, s, 0), c->nr_objects * c->object_size);
	list_add(&c->partial, &s->node);
	c->nr_slabs++;
}

/* A slab with a free object; NULL: none. */
static struct slab *pick_slab(struct slab_class *c)
{
	if (!list_empty(&c->partial))
		return list_first(&c->partial, struct slab, node);
	if (c->spare) {
		struct slab *s = c->spare;

		c->spare = NULL;
		list_add(&c->partial, &s->node);
		return s;
	}
	return NULL;
}

void *slab_alloc(struct slab_class *c)
{
	struct slab *s = pick_slab(c);
	void *p;

	if (!s)
		return NULL;
	while (!s->free[s->hint])
		s->hint++;
	p = object_at(c, s, s->hint * 32u + (u32)__builtin_ctz(s->free[s->hint]));
	s->free[s->hint] &= s->free[s->hint] - 1;
	if (++s->nr_used == c->nr_objects)
		list_del(&s->node);
	c->nr_used++;
	check_poison(p, c->object_size);
	return p;
}

/* Which slab to keep, which to give back, when `s` has just become empty. Without
 * a spare one, a class that swings around a boundary would fetch and return frames
 * all the time. */
static struct slab *retire(struct slab_class *c, struct slab *s)
{
	list_del(&s->node);
	if (!c->spare) {
		c->spare = s;
		return NULL;
	}
	c->nr_slabs--;
	return s;
}

const char *slab_free(struct slab_class *c, void *p, void **unused)
{
	uintptr_t start = (uintptr_t)p & ~(uintptr_t)(slab_bytes(c) - 1);
	struct slab *s = (struct slab *)start;
	u32 offset = (u32)((uintptr_t)p - start) - (u32)sizeof(struct slab);
	u32 i = offset >> (c->index + 4);	/* by the object size: 16 << index */

	*unused = NULL;
	if (offset & (c->object_size - 1) || i >= c->nr_objects)
		return "it is not the start of a block";
	if (s->free[i / 32] & 1u << (i % 32))
		return "it is free already";
	poison(p, c->object_size);
	s->free[i / 32] |= 1u << (i % 32);
	s->hint = (u8)MIN(s->hint, i / 32);
	c->nr_used--;
	if (s->nr_used-- == c->nr_objects)
		list_add(&c->partial, &s->node);
	if (!s->nr_used)
		*unused = retire(c, s);
	return NULL;
}
