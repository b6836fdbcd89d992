// sources: lib/stats.c lib/bitmap.c
/* Statistics, 64-bit arithmetic, the generator, bitmaps: each against the plain
 * and slow way to say the same. */
#include "unit.h"
#include "lib/bitmap.h"
#include "lib/math64.h"
#include "lib/prng.h"
#include "lib/stats.h"

static void test_percentiles(void **state)
{
	u32 sample[100];
	struct stats s;

	(void)state;
	stats_init(&s, sample, 100);
	assert_int_equal(stats_percentile(&s, 50), 0);
	for (u32 i = 0; i < 100; i++)
		stats_add(&s, (i * 37) % 100 + 1);	/* 1..100 in disorder */
	assert_int_equal(stats_percentile(&s, 0), 1);
	assert_int_equal(stats_percentile(&s, 1), 1);
	assert_int_equal(stats_percentile(&s, 50), 50);
	assert_int_equal(stats_percentile(&s, 99), 99);
	assert_int_equal(stats_percentile(&s, 100), 100);
	assert_int_equal(stats_percentile(&s, 200), 100);
	assert_int_equal(s.sum, 5050);
	stats_add(&s, 1000);			/* full: counted, not kept */
	assert_int_equal(s.n, 100);
	assert_int_equal(s.offered, 101);
	assert_int_equal(stats_percentile(&s, 100), 100);
}

static void test_percentiles_of_few(void **state)
{
	u32 sample[3];
	struct stats s;

	(void)state;
	stats_init(&s, sample, 3);
	stats_add(&s, UINT32_MAX);
	assert_int_equal(stats_percentile(&s, 50), UINT32_MAX);
	stats_add(&s, 3);
	assert_int_equal(stats_percentile(&s, 50), 3);
	assert_int_equal(stats_percentile(&s, 51), UINT32_MAX);
	stats_add(&s, 7);
	assert_int_equal(stats_percentile(&s, 50), 7);
}

static void test_sorting(void **state)
{
	u32 sample[64];
	struct prng rng;
	struct stats s;

	(void)state;
	prng_seed(&rng, 2);
	for (u32 n = 0; n <= 64; n++) {
		stats_init(&s, sample, n);
		for (u32 i = 0; i < n; i++)
			stats_add(&s, prng_below(&rng, 20));
		(void)stats_percentile(&s, 50);
		for (u32 i = 1; i < n; i++)
			assert_true(sample[i - 1] <= sample[i]);
	}
}

static u64 random_u64(struct prng *rng)
{
	u64 n = (u64)prng_next(rng) << 32 | prng_next(rng);

	return n >> prng_below(rng, 64);
}

static void test_division(void **state)
{
	struct prng rng;
	u32 rem;

	(void)state;
	assert_true(div_u64_rem(UINT64_MAX, 1, &rem) == UINT64_MAX && rem == 0);
	assert_true(div_u64_rem(UINT64_MAX, UINT32_MAX, &rem) == 0x100000001ull && rem == 0);
	prng_seed(&rng, 3);
	for (int i = 0; i < 20000; i++) {
		u64 n = random_u64(&rng);
		u32 d = (u32)random_u64(&rng) | 1;

		assert_true(div_u64_rem(n, d, &rem) == n / d);
		assert_int_equal(rem, n % d);
	}
}

static void test_scaling(void **state)
{
	struct prng rng;

	(void)state;
	prng_seed(&rng, 4);
	for (int i = 0; i < 20000; i++) {
		u64 n = random_u64(&rng);
		u32 mul = (u32)random_u64(&rng), div = (u32)random_u64(&rng) | 1;
		unsigned __int128 want = (unsigned __int128)n * mul / div;

		if (want <= UINT64_MAX)
			assert_true(mul_div_u64(n, mul, div) == (u64)want);
	}
}

static void test_generator(void **state)
{
	struct prng a, b;
	u32 seen = 0;

	(void)state;
	prng_seed(&a, 5);
	prng_seed(&b, 5);
	for (int i = 0; i < 1000; i++) {
		u32 n = prng_below(&a, 10);

		assert_true(n < 10);
		assert_int_equal(n, prng_below(&b, 10));
		seen |= 1u << n;
	}
	assert_int_equal(seen, 0x3ff);
	prng_seed(&a, UINT32_MAX);		/* would be the fixed point 0 */
	assert_int_not_equal(prng_next(&a), 0);
}

#define BITS 150

static u32 slow_find_clear_run(const u32 *map, u32 from, u32 end, u32 n)
{
	for (; from + n <= end; from++) {
		u32 i = 0;

		while (i < n && !bitmap_test(map, from + i))
			i++;
		if (i == n)
			return from;
	}
	return end;
}

static void test_bitmap_runs(void **state)
{
	BITMAP(map, BITS) = { 0 };
	bool plain[BITS] = { false };
	struct prng rng;

	(void)state;
	prng_seed(&rng, 6);
	for (int round = 0; round < 20000; round++) {
		u32 start = prng_below(&rng, BITS), n = prng_below(&rng, MIN(BITS - start, 40u) + 1);
		u32 end = start + prng_below(&rng, BITS - start + 1), want = 1 + prng_below(&rng, 20);
		bool set = prng_below(&rng, 2);

		(set ? bitmap_set_run : bitmap_clear_run)(map, start, n);
		for (u32 i = 0; i < n; i++)
			plain[start + i] = set;
		for (u32 i = 0; i < BITS; i++)
			assert_int_equal(bitmap_test(map, i), plain[i]);
		assert_int_equal(bitmap_find_clear_run(map, start, end, want),
		                 slow_find_clear_run(map, start, end, want));
		assert_int_equal(bitmap_next_clear(map, start, end),
		                 slow_find_clear_run(map, start, end, 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_percentiles_of_few),
		cmocka_unit_test(test_sorting),
		cmocka_unit_test(test_division),
		cmocka_unit_test(test_scaling),
		cmocka_unit_test(test_generator),
		cmocka_unit_test(test_bitmap_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
