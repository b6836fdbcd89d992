// sources: kernel/mm/buddy.c kernel/mm/memmap.c
#include "unit.h"
#include <string.h>
#include "lib/prng.h"
#include "mm/buddy.h"
#include "mm/memmap.h"

/* -- the buddy allocator ------------------------------------------------------ */

#define FRAMES 4096

static struct frame_desc desc[FRAMES];
static struct buddy b;

static int start(void **state)
{
	(void)state;
	memset(desc, 0xff, sizeof(desc));
	buddy_init(&b, desc, FRAMES);
	return 0;
}

/* All that must be true of the descriptors at any time: blocks do not overlap, are
 * aligned, lie in exactly the list of their order, and no two free buddies stand
 * side by side unmerged. */
static void check_invariants(void)
{
	u32 free_frames = 0, listed = 0, i = 0;

	for (u32 f = b.hot_head, n = b.nr_hot; n; n--, f = desc[f].next) {
		assert_int_equal(desc[f].state, FRAME_HOT);
		listed++;
	}
	while (i < FRAMES) {
		u32 order = desc[i].order, size = 1u << order;

		if (desc[i].state == FRAME_ABSENT || desc[i].state == FRAME_HOT) {
			free_frames += desc[i].state == FRAME_HOT;
			i++;
			continue;
		}
		assert_true(desc[i].state == FRAME_FREE || desc[i].state == FRAME_USED);
		assert_int_equal(i & (size - 1), 0);
		for (u32 k = 1; k < size; k++)
			assert_int_equal(desc[i + k].state, FRAME_INNER);
		if (desc[i].state == FRAME_FREE) {
			u32 buddy = i ^ size;

			free_frames += size;
			assert_false(order < BUDDY_MAX_ORDER && buddy < FRAMES &&
			             desc[buddy].state == FRAME_FREE && desc[buddy].order == order);
		}
		i += size;
	}
	for (u32 order = 0; order < BUDDY_ORDERS; order++) {
		u32 prev = NO_FRAME;

		for (u32 f = b.free_head[order]; f != NO_FRAME; prev = f, f = desc[f].next) {
			assert_int_equal(desc[f].state, FRAME_FREE);
			assert_int_equal(desc[f].order, order);
			assert_int_equal(desc[f].prev, prev);
			listed += 1u << order;
		}
	}
	assert_int_equal(free_frames, b.nr_free);
	assert_int_equal(listed, b.nr_free);
}

static void test_empty(void **state)
{
	(void)state;
	assert_int_equal(buddy_alloc(&b, 0), NO_FRAME);
	assert_non_null(buddy_free(&b, 5, 0));
	assert_non_null(buddy_free(&b, FRAMES, 0));
	check_invariants();
}

static void test_all_frames_can_be_had(void **state)
{
	static bool seen[FRAMES];

	(void)state;
	memset(seen, 0, sizeof(seen));
	assert_int_equal(buddy_add(&b, 3, 2050), 2047);
	check_invariants();
	for (u32 i = 0; i < 2047; i++) {
		u32 f = buddy_alloc(&b, 0);

		assert_in_range(f, 3, 2049);
		assert_false(seen[f]);
		seen[f] = true;
	}
	assert_int_equal(buddy_alloc(&b, 0), NO_FRAME);
	assert_int_equal(b.nr_free, 0);
	for (u32 f = 3; f < 2050; f++)
		assert_null(buddy_free(&b, f, 0));
	assert_int_equal(b.nr_free, 2047);
	check_invariants();
	/* Merged again: the one aligned block of the largest order is whole. */
	assert_int_equal(buddy_alloc(&b, BUDDY_MAX_ORDER), 1024);
}

static void test_alignment_of_every_order(void **state)
{
	(void)state;
	(void)buddy_add(&b, 1, FRAMES);
	for (u32 order = 0; order < BUDDY_ORDERS; order++) {
		u32 f = buddy_alloc(&b, order);

		assert_int_not_equal(f, NO_FRAME);
		assert_int_equal(f & ((1u << order) - 1), 0);
		check_invariants();
	}
	assert_int_equal(buddy_alloc(&b, BUDDY_ORDERS), NO_FRAME);
}

static void test_last_freed_comes_first(void **state)
{
	u32 f;

	(void)state;
	(void)buddy_add(&b, 0, 64);
	assert_int_not_equal(buddy_alloc(&b, 0), NO_FRAME);
	f = buddy_alloc(&b, 0);
	assert_int_not_equal(buddy_alloc(&b, 0), NO_FRAME);
	assert_null(buddy_free(&b, f, 0));
	assert_int_equal(buddy_alloc(&b, 0), f);
}

/* Frames that were freed but not merged do not keep a larger block from anybody. */
static void test_hot_frames_are_merged_at_need(void **state)
{
	u32 f[16];

	(void)state;
	(void)buddy_add(&b, 16, 32);
	for (u32 i = 0; i < 16; i++)
		f[i] = buddy_alloc(&b, 0);
	for (u32 i = 0; i < 16; i++)
		assert_null(buddy_free(&b, f[i], 0));
	assert_int_equal(b.nr_hot, 16);
	assert_non_null(buddy_free(&b, f[3], 0));	/* twice */
	check_invariants();
	assert_int_equal(buddy_alloc(&b, 4), 16);
	check_invariants();
	assert_int_equal(buddy_alloc(&b, 0), NO_FRAME);
}

static void test_wrong_frees_change_nothing(void **state)
{
	u32 one, four;

	(void)state;
	(void)buddy_add(&b, 0, 64);
	four = buddy_alloc(&b, 2);
	one = buddy_alloc(&b, 0);
	u32 available = b.nr_free;
	assert_non_null(buddy_free(&b, four, 0));	/* another size */
	assert_non_null(buddy_free(&b, four + 1, 0));	/* its middle */
	assert_non_null(buddy_free(&b, 63, 0));		/* never allocated */
	assert_non_null(buddy_free(&b, 64, 0));		/* never added */
	assert_int_equal(b.nr_free, available);
	assert_null(buddy_free(&b, one, 0));
	assert_non_null(buddy_free(&b, one, 0));	/* twice */
	assert_null(buddy_free(&b, four, 2));
	assert_non_null(buddy_free(&b, four, 2));
	assert_int_equal(b.nr_free, 64);
	check_invariants();
}

static void test_adding_twice(void **state)
{
	(void)state;
	assert_int_equal(buddy_add(&b, 10, 20), 10);
	assert_int_equal(buddy_add(&b, 5, 25), 10);
	assert_int_equal(buddy_add(&b, 5, 25), 0);
	assert_int_equal(buddy_add(&b, FRAMES - 2, FRAMES + 50), 2);
	assert_int_equal(buddy_add(&b, 30, 30), 0);
	assert_int_equal(b.nr_managed, 22);
	check_invariants();
}

static void test_random_use(void **state)
{
	static struct { u32 frame, order; } held[512];
	u32 n = 0;
	struct prng rng;

	(void)state;
	prng_seed(&rng, 7);
	(void)buddy_add(&b, 17, 1000);
	(void)buddy_add(&b, 1003, 3500);
	u32 total = b.nr_free;
	for (int round = 0; round < 20000; round++) {
		if (n < ARRAY_SIZE(held) && prng_below(&rng, 2)) {
			u32 order = prng_below(&rng, 2) ? 0 : prng_below(&rng, 6);
			u32 f = buddy_alloc(&b, order);

			if (f == NO_FRAME)
				continue;
			held[n].frame = f;
			held[n++].order = order;
		} else if (n) {
			u32 i = prng_below(&rng, n);

			assert_null(buddy_free(&b, held[i].frame, held[i].order));
			held[i] = held[--n];
		}
		if (round % 100 == 0)
			check_invariants();
	}
	while (n--)
		assert_null(buddy_free(&b, held[n].frame, held[n].order));
	assert_int_equal(b.nr_free, total);
	check_invariants();
}

/* -- the memory map ----------------------------------------------------------- */

#define LIMIT 0x20000000ull

static struct memmap m;

static int clear_map(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	return 0;
}

static void usable(u64 from, u64 to) { assert_true(memmap_add_usable(&m, from, to, LIMIT)); }
static void taken(u64 from, u64 to)  { assert_true(memmap_add_taken(&m, from, to, LIMIT)); }

/* Frame by frame, since a run may come in pieces. */
static void expect_frames(u32 n, const struct span *want)
{
	static bool have[LIMIT >> 12];
	struct span run = { 0, 0 };
	u32 frames = 0, last = 0;

	memset(have, 0, sizeof(have));
	while (memmap_next(&m, &run)) {
		assert_true(run.start >= last && run.end > run.start);
		last = run.end;
		for (u32 f = run.start; f < run.end; f++)
			have[f] = true;
		frames += run.end - run.start;
	}
	for (u32 i = 0; i < n; i++) {
		for (u32 f = want[i].start; f < want[i].end; f++)
			assert_true(have[f]);
		frames -= want[i].end - want[i].start;
	}
	assert_int_equal(frames, 0);
}

static void test_usual_map(void **state)
{
	(void)state;
	usable(0, 0x9fc00);
	taken(0x9fc00, 0x100000);
	usable(0x100000, 0x7fe0000);
	taken(0x7fe0000, 0x8000000);
	taken(0, 0x100000);
	taken(0x100000, 0x134567);
	taken(0x200000, 0x210001);
	expect_frames(2, (struct span[]){ { 0x135, 0x200 }, { 0x211, 0x7fe0 } });
	assert_int_equal(memmap_end(&m), 0x7fe0);
}

static void test_unsorted_and_overlapping(void **state)
{
	(void)state;
	usable(0x50000, 0x80000);
	usable(0x10000, 0x60000);
	usable(0x10000, 0x20000);
	taken(0x30000, 0x38000);
	taken(0x34000, 0x40000);
	taken(0x70000, 0x90000);
	expect_frames(2, (struct span[]){ { 0x10, 0x30 }, { 0x40, 0x70 } });
}

static void test_rounding(void **state)
{
	(void)state;
	usable(0x10001, 0x20fff);		/* inwards: 11 to 20 */
	taken(0x18fff, 0x19001);		/* outwards: 18 to 1a */
	usable(0x30001, 0x30fff);		/* no whole frame */
	expect_frames(2, (struct span[]){ { 0x11, 0x18 }, { 0x1a, 0x20 } });
}

static void test_beyond_the_limit(void **state)
{
	(void)state;
	usable(LIMIT - 0x2000, LIMIT + 0x100000000ull);
	usable(0x100000000ull, 0x200000000ull);
	taken(0xfffc0000, 0x100000000ull);
	usable(0x5000, 0x4000);			/* nonsense is left out */
	expect_frames(1, (struct span[]){ { (LIMIT >> 12) - 2, LIMIT >> 12 } });
	assert_int_equal(memmap_end(&m), LIMIT >> 12);
}

static void test_empty_and_full_maps(void **state)
{
	(void)state;
	expect_frames(0, NULL);
	assert_int_equal(memmap_end(&m), 0);
	for (u32 i = 0; i < MEMMAP_MAX_SPANS; i++)
		taken(0, 0x1000);
	assert_false(memmap_add_taken(&m, 0, 0x1000, LIMIT));
	assert_true(memmap_add_taken(&m, LIMIT, LIMIT + 1, LIMIT));	/* nothing to add */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_empty, start),
		cmocka_unit_test_setup(test_all_frames_can_be_had, start),
		cmocka_unit_test_setup(test_alignment_of_every_order, start),
		cmocka_unit_test_setup(test_last_freed_comes_first, start),
		cmocka_unit_test_setup(test_hot_frames_are_merged_at_need, start),
		cmocka_unit_test_setup(test_wrong_frees_change_nothing, start),
		cmocka_unit_test_setup(test_adding_twice, start),
		cmocka_unit_test_setup(test_random_use, start),
		cmocka_unit_test_setup(test_usual_map, clear_map),
		cmocka_unit_test_setup(test_unsorted_and_overlapping, clear_map),
		cmocka_unit_test_setup(test_rounding, clear_map),
		cmocka_unit_test_setup(test_beyond_the_limit, clear_map),
		cmocka_unit_test_setup(test_empty_and_full_maps, clear_map),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
