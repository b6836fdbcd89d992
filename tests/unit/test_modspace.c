// sources: kernel/mm/modspace.c lib/bitmap.c
// cflags: -Wno-pointer-to-int-cast
#include "unit.h"
#include "fake_panic.h"
#include "mm/modspace.h"
#include "smp/spinlock.h"

#define NR_PAGES (MODULE_SIZE / PAGE_SIZE)

static struct spinlock *locked;	/* a panic leaves it so */

void spin_lock(struct spinlock *l)   { assert_false(l->locked); l->locked = 1; locked = l; }
void spin_unlock(struct spinlock *l) { assert_true(l->locked); l->locked = 0; }

static void test_guards_lie_between(void **state)
{
	u32 a = modspace_reserve(10), b = modspace_reserve(1);

	(void)state;
	assert_true(a >= MODULE_BASE + PAGE_SIZE);	/* a page before the first one */
	assert_true(b >= a + 13 * PAGE_SIZE);
	assert_true(modspace_holds(a) && modspace_holds(b));
	assert_false(modspace_holds(MODULE_BASE - 1));
	assert_false(modspace_holds(MODULE_BASE + MODULE_SIZE));
	assert_int_equal(modspace_used_pages(), 17);
	modspace_release(a, 10);
	modspace_release(b, 1);
	assert_int_equal(modspace_used_pages(), 0);
}

static void test_a_freed_range_comes_last(void **state)
{
	u32 first = modspace_reserve(100), ranges = 1;

	(void)state;
	modspace_release(first, 100);
	for (;; ranges++) {
		u32 va = modspace_reserve(100);

		modspace_release(va, 100);
		if (va - first < 103 * PAGE_SIZE || first - va < 103 * PAGE_SIZE)
			break;
	}
	assert_true(ranges > NR_PAGES / 103 - 3);
}

static void test_reuse_at_once(void **state)
{
	u32 a;

	(void)state;
	modspace_reuse_at_once(true);
	a = modspace_reserve(7);
	modspace_release(a, 7);
	assert_int_equal(modspace_reserve(7), a);
	modspace_release(a, 7);
	modspace_reuse_at_once(false);
	a = modspace_reserve(7);
	modspace_release(a, 7);
	assert_int_not_equal(modspace_reserve(7), a);
	modspace_release(a + 10 * PAGE_SIZE, 7);
}

static void test_full(void **state)
{
	static u32 va[NR_PAGES / 100];
	u32 n = 0;

	(void)state;
	assert_int_equal(modspace_reserve(0), 0);
	assert_int_equal(modspace_reserve(NR_PAGES), 0);
	assert_int_equal(modspace_reserve(NR_PAGES - 1), 0);
	assert_int_equal(modspace_reserve(~0u), 0);
	while ((va[n] = modspace_reserve(100)) != 0) {
		assert_true(va[n] + 103 * PAGE_SIZE <= MODULE_BASE + MODULE_SIZE);
		n++;
	}
	assert_true(n >= NR_PAGES / 103 - 1);
	modspace_release(va[5], 100);
	assert_int_equal(modspace_reserve(100), va[5]);
	while (n--)
		modspace_release(va[n], 100);
	assert_int_equal(modspace_used_pages(), 0);
}

static void test_wrong_release(void **state)
{
	u32 a = modspace_reserve(4);

	(void)state;
	expect_panic(modspace_release(a + 1, 4));
	expect_panic(modspace_release(MODULE_BASE - PAGE_SIZE, 1));
	expect_panic(modspace_release(a, NR_PAGES));
	modspace_release(a, 4);
	expect_panic(modspace_release(a, 4));		/* twice: by now it may be another module's */
	spin_unlock(locked);
	assert_int_equal(modspace_used_pages(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guards_lie_between),
		cmocka_unit_test(test_a_freed_range_comes_last),
		cmocka_unit_test(test_reuse_at_once),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_wrong_release),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
