// sources: user/lib/malloc.c lib/string.c
// cflags: -include tests/unit/rename.h -Dmalloc=user_malloc -Dfree=user_free
// A program's heap.
#include "unit.h"
#include "lib/prng.h"
#include "lib/string.h"
#include "user/lib/malloc.h"

#define POOL_PAGES 256

static u8 pool[POOL_PAGES * 4096] aligned(4096);
static u32 used_pages, asked_for;

/* Pages one behind the other, so that neighbours touch; up to what there is. */
void *pages_alloc(u32 pages)
{
	asked_for++;
	if (pages > POOL_PAGES - used_pages)
		return NULL;
	used_pages += pages;
	return pool + (used_pages - pages) * 4096;
}

static void blocks_do_not_overlap(void **state)
{
	struct { u8 *at; u32 size; } held[64] = { { NULL, 0 } };
	struct prng random;

	(void)state;
	prng_seed(&random, 1);
	for (u32 round = 0; round < 20000; round++) {
		u32 i = prng_below(&random, ARRAY_SIZE(held));
		for (u32 n = 0; n < held[i].size; n++)
			assert_int_equal(held[i].at[n], (u8)i);
		free(held[i].at);
		held[i].size = prng_below(&random, 3000);
		held[i].at = malloc(held[i].size);
		assert_non_null(held[i].at);
		assert_int_equal((uintptr_t)held[i].at % 8, 0);
		memset(held[i].at, (int)i, held[i].size);
	}
	for (u32 i = 0; i < ARRAY_SIZE(held); i++)
		free(held[i].at);
	/* All of it is one block again: nothing more has to be asked for. */
	u32 before = asked_for;
	void *all = malloc(used_pages * 4096 - 64);
	assert_non_null(all);
	assert_int_equal(asked_for, before);
	free(all);
}

static void there_is_an_end(void **state)
{
	(void)state;
	assert_null(malloc(sizeof(pool)));
	assert_null(malloc(0xffffffff));
	assert_null(malloc(0xfffffff0));
	free(NULL);
	u8 *zeroed = zalloc(100);
	for (u32 i = 0; i < 100; i++)
		assert_int_equal(zeroed[i], 0);
	free(zeroed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_do_not_overlap), cmocka_unit_test(there_is_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
