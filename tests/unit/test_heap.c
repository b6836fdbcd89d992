// sources: kernel/mm/slab.c
// cflags: -DDEBUG=1 -Wno-pointer-to-int-cast
#include "unit.h"
#include <string.h>
#include "fake_panic.h"
#include "lib/prng.h"
#include "mm/slab.h"

static struct slab_class classes[SLAB_CLASSES];

static int start(void **state)
{
	(void)state;
	for (u32 i = 0; i < SLAB_CLASSES; i++)
		slab_class_init(&classes[i], i);
	return 0;
}

static noinline void *take(struct slab_class *c)
{
	void *p = slab_alloc(c);

	if (p)
		return p;
	slab_add(c, aligned_alloc(slab_bytes(c), slab_bytes(c)));
	return slab_alloc(c);
}

static void give(struct slab_class *c, void *p)
{
	void *unused;

	assert_null(slab_free(c, p, &unused));
	free(unused);
}

static void drop_spare(struct slab_class *c)
{
	free(c->spare);
	c->spare = NULL;
}

static void test_class_for_size(void **state)
{
	(void)state;
	for (u32 size = 0; size <= SLAB_MAX; size++) {
		struct slab_class *c = &classes[slab_class_for(size)];

		assert_true(c->object_size >= size);
		assert_true(c->index == 0 || c->object_size / 2 < size);
	}
}

static void test_capacity(void **state)
{
	(void)state;
	for (u32 i = 0; i < SLAB_CLASSES; i++) {
		struct slab_class *c = &classes[i];

		assert_true(c->nr_objects >= 7 && c->nr_objects <= SLAB_MAX_OBJECTS);
		assert_true(sizeof(struct slab) + c->nr_objects * c->object_size <= slab_bytes(c));
	}
}

/* Every object of three slabs: apart, inside, aligned, and all its bytes usable. */
static void test_objects_do_not_overlap(void **state)
{
	static u8 *p[3 * SLAB_MAX_OBJECTS];

	(void)state;
	for (u32 i = 0; i < SLAB_CLASSES; i++) {
		struct slab_class *c = &classes[i];
		u32 n = 3 * c->nr_objects;

		for (u32 k = 0; k < n; k++) {
			p[k] = take(c);
			assert_int_equal((uintptr_t)p[k] % MIN(c->object_size, 64u), 0);
			memset(p[k], (int)k, c->object_size);
		}
		assert_int_equal(c->nr_slabs, 3);
		assert_int_equal(c->nr_used, n);
		assert_null(slab_alloc(c));
		for (u32 k = 0; k < n; k++)
			for (u32 at = 0; at < c->object_size; at++)
				assert_int_equal(p[k][at], (u8)k);
		for (u32 k = 0; k < n; k++)
			give(c, p[k]);
		assert_int_equal(c->nr_used, 0);
		assert_int_equal(c->nr_slabs, 1);
		drop_spare(c);
	}
}

static void test_one_empty_slab_is_kept(void **state)
{
	struct slab_class *c = &classes[7];
	void *unused, *a, *other[7];

	(void)state;
	a = take(c);
	assert_null(slab_free(c, a, &unused));
	assert_null(unused);
	assert_non_null(c->spare);
	assert_ptr_equal(slab_alloc(c), a);	/* no new slab was needed */
	assert_null(c->spare);
	for (u32 i = 0; i < 7; i++)
		other[i] = take(c);		/* the last one lies in a second slab */
	assert_int_equal(c->nr_slabs, 2);
	give(c, other[6]);
	assert_non_null(c->spare);
	for (u32 i = 0; i < 6; i++)
		give(c, other[i]);
	assert_null(slab_free(c, a, &unused));
	assert_non_null(unused);		/* the second empty one goes back */
	assert_int_equal(c->nr_slabs, 1);
	free(unused);
	drop_spare(c);
}

/* A slab that was full serves again once one of its objects is free. */
static void test_full_slab_is_found_again(void **state)
{
	struct slab_class *c = &classes[7];
	void *p[SLAB_MAX_OBJECTS];
	u32 n = c->nr_objects;

	(void)state;
	for (u32 i = 0; i < n; i++)
		p[i] = take(c);
	assert_null(slab_alloc(c));
	give(c, p[3]);
	assert_ptr_equal(slab_alloc(c), p[3]);
	for (u32 i = 0; i < n; i++)
		give(c, p[i]);
	drop_spare(c);
}

static void test_wrong_frees_change_nothing(void **state)
{
	struct slab_class *c = &classes[2];
	void *unused, *keep = take(c);
	u8 *p = take(c);

	(void)state;
	assert_non_null(slab_free(c, p + 16, &unused));		/* inside a block */
	assert_non_null(slab_free(c, p - 2 * 64, &unused));	/* the slab's own header */
	assert_non_null(slab_free(c, p + 64, &unused));		/* never allocated */
	assert_int_equal(c->nr_used, 2);
	give(c, p);
	assert_non_null(slab_free(c, p, &unused));		/* twice */
	assert_null(unused);
	assert_int_equal(c->nr_used, 1);
	give(c, keep);
	assert_non_null(slab_free(c, keep, &unused));		/* the last one, twice */
	drop_spare(c);
}

static void test_poison(void **state)
{
	struct slab_class *c = &classes[1];
	u8 *keep = take(c), *p = take(c);

	(void)state;
	memset(p, 0, 32);
	give(c, p);
	for (u32 i = 0; i < 32; i++)
		assert_int_equal(p[i], SLAB_POISON);
	p[31] = 0;				/* a write after free */
	expect_panic(assert_null(slab_alloc(c)));
	assert_non_null(strstr(panic_text, "written at +31 after it was freed"));
	free((void *)((uintptr_t)keep & ~(uintptr_t)4095));
}

static void test_random_use(void **state)
{
	static struct { u8 *p; u32 class; u8 fill; } held[2000];
	struct prng rng;
	u32 n = 0;

	(void)state;
	prng_seed(&rng, 8);
	for (int round = 0; round < 50000; round++) {
		if (n < ARRAY_SIZE(held) && prng_below(&rng, 1000) < (round / 5000 % 2 ? 300 : 700)) {
			u32 class = prng_below(&rng, SLAB_CLASSES);
			u8 fill = (u8)prng_next(&rng);

			held[n].p = take(&classes[class]);
			held[n].class = class;
			held[n].fill = fill;
			memset(held[n++].p, fill, classes[class].object_size);
		} else if (n) {
			u32 i = prng_below(&rng, n), size = classes[held[i].class].object_size;

			assert_int_equal(held[i].p[0], held[i].fill);
			assert_int_equal(held[i].p[size - 1], held[i].fill);
			give(&classes[held[i].class], held[i].p);
			held[i] = held[--n];
		}
	}
	while (n--)
		give(&classes[held[n].class], held[n].p);
	for (u32 i = 0; i < SLAB_CLASSES; i++) {
		assert_int_equal(classes[i].nr_used, 0);
		assert_true(classes[i].nr_slabs <= 1);
		assert_true(list_empty(&classes[i].partial));
		drop_spare(&classes[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_class_for_size, start),
		cmocka_unit_test_setup(test_capacity, start),
		cmocka_unit_test_setup(test_objects_do_not_overlap, start),
		cmocka_unit_test_setup(test_one_empty_slab_is_kept, start),
		cmocka_unit_test_setup(test_full_slab_is_found_again, start),
		cmocka_unit_test_setup(test_wrong_frees_change_nothing, start),
		cmocka_unit_test_setup(test_poison, start),
		cmocka_unit_test_setup(test_random_use, start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
