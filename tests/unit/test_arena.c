// sources: kernel/module/arena.c lib/bitmap.c
// A module's heap, on a range of addresses that "page tables" open page by page:
// what is not mapped yet faults when it is touched.
#include "unit.h"
#include <string.h>
#include <sys/mman.h>
#include "lib/errno.h"
#include "lib/prng.h"
#include "mm/heap.h"
#include "module/arena.h"

#define BASE  0x10000000u
#define SIZE  (64u * 1024)
#define PAGE  4096u

static struct arena *arena;
static bool no_frames, no_core_heap;
static u32 core_blocks;

void *kzalloc(size_t size)
{
	if (no_core_heap)
		return NULL;
	core_blocks++;
	return calloc(1, size);
}

void kfree(void *p)
{
	core_blocks -= p != NULL;
	free(p);
}

static int map_pages(u32 va, u32 pages)
{
	if (no_frames)
		return -ENOMEM;
	return mprotect((void *)(uintptr_t)va, pages * PAGE, PROT_READ | PROT_WRITE) ? -ENOMEM : 0;
}

static int set_up(void **state)
{
	void *at = mmap((void *)(uintptr_t)BASE, SIZE, PROT_NONE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	(void)state;
	no_frames = no_core_heap = false;
	arena = arena_create(BASE, SIZE, map_pages);
	return at != (void *)(uintptr_t)BASE || !arena;
}

static int tear_down(void **state)
{
	(void)state;
	arena_destroy(arena);
	munmap((void *)(uintptr_t)BASE, SIZE);
	return core_blocks != 0;
}

static u32 address(const void *p)
{
	return (u32)(uintptr_t)p;
}

static void first_blocks(void **state)
{
	u8 *a = arena_alloc(arena, 1, true), *b = arena_alloc(arena, 17, true);

	(void)state;
	assert_int_equal(address(a), BASE);
	assert_int_equal(address(b), BASE + 16);
	assert_int_equal(arena_used_blocks(arena), 2);
	assert_int_equal(arena_used_bytes(arena), 48);
	assert_int_equal(arena_mapped_pages(arena), 1);
}

static void comes_zeroed(void **state)
{
	u8 *a = arena_alloc(arena, 100, true);

	(void)state;
	memset(a, 0xa5, 112);
	assert_true(arena_free(arena, a));
	for (int i = 0; i < 112; i++)
		assert_int_equal(a[i], 0);	/* at once: nothing is found in it by an inspection */
	memset(a, 0xa5, 112);
	a = arena_alloc(arena, 100, true);
	for (int i = 0; i < 112; i++)
		assert_int_equal(a[i], 0);
}

static void pages_on_demand(void **state)
{
	(void)state;
	assert_int_equal(arena_mapped_pages(arena), 0);
	memset(arena_alloc(arena, 2 * PAGE + 1, true), 1, 2 * PAGE + 1);
	assert_int_equal(arena_mapped_pages(arena), 3);
	assert_null(arena_alloc(arena, PAGE, false));		/* would need one more */
	assert_non_null(arena_alloc(arena, PAGE - 16, false));
	assert_int_equal(arena_mapped_pages(arena), 3);
}

static void full(void **state)
{
	void *all = arena_alloc(arena, SIZE, true);

	(void)state;
	assert_int_equal(address(all), BASE);
	assert_null(arena_alloc(arena, 1, true));
	assert_true(arena_free(arena, all));
	assert_null(arena_alloc(arena, SIZE + 1, true));
	assert_null(arena_alloc(arena, 0xffffffffu, true));
	assert_non_null(arena_alloc(arena, SIZE, true));
}

static void without_memory(void **state)
{
	(void)state;
	no_core_heap = true;
	assert_null(arena_alloc(arena, 1, true));
	assert_null(arena_create(BASE, SIZE, map_pages));
	no_core_heap = false;
	no_frames = true;
	assert_null(arena_alloc(arena, 1, true));
	assert_int_equal(arena_used_blocks(arena), 0);
	no_frames = false;
	assert_non_null(arena_alloc(arena, 1, true));
}

static void wild_frees(void **state)
{
	u8 *a = arena_alloc(arena, 64, true), *b = arena_alloc(arena, 64, true);

	(void)state;
	assert_false(arena_free(arena, a + 16));		/* inside a block */
	assert_false(arena_free(arena, a + 1));
	assert_false(arena_free(arena, b + 64));		/* behind the last */
	assert_false(arena_free(arena, (void *)(uintptr_t)(BASE - 16)));
	assert_false(arena_free(arena, (void *)(uintptr_t)(BASE + SIZE)));
	assert_false(arena_free(arena, &a));
	assert_true(arena_free(arena, a));
	assert_false(arena_free(arena, a));			/* twice */
	assert_int_equal(arena_used_blocks(arena), 1);
	assert_int_equal(address(arena_alloc(arena, 64, true)), address(a));
}

static void free_before_first(void **state)
{
	(void)state;
	assert_false(arena_free(arena, (void *)(uintptr_t)BASE));
}

/* Blocks hold what was written to them, whatever comes and goes around them. */
static void at_random(void **state)
{
	struct { u8 *p; u32 size; u8 mark; } block[40] = { 0 };
	struct prng rng;

	(void)state;
	prng_seed(&rng, 7);
	for (u32 round = 0; round < 20000; round++) {
		u32 i = prng_below(&rng, ARRAY_SIZE(block));

		for (u32 k = 0; block[i].p && k < block[i].size; k++)
			if (block[i].p[k] != block[i].mark)
				fail_msg("block %u was overwritten", i);
		if (block[i].p) {
			assert_true(arena_free(arena, block[i].p));
			block[i].p = NULL;
			continue;
		}
		block[i].size = prng_below(&rng, 4000);
		block[i].mark = (u8)round;
		block[i].p = arena_alloc(arena, block[i].size, true);
		if (block[i].p)
			memset(block[i].p, block[i].mark, block[i].size);
	}
	for (u32 i = 0; i < ARRAY_SIZE(block); i++)
		if (block[i].p)
			assert_true(arena_free(arena, block[i].p));
	assert_int_equal(arena_used_blocks(arena), 0);
	assert_int_equal(arena_used_bytes(arena), 0);
	assert_non_null(arena_alloc(arena, SIZE, true));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_blocks), TEST(comes_zeroed), TEST(pages_on_demand), TEST(full),
		TEST(without_memory), TEST(wild_frees), TEST(free_before_first), TEST(at_random),
	};
	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
