// sources: lib/string.c lib/errno.c
// cflags: -include tests/unit/rename.h
#include "unit.h"
#include "lib/errno.h"
#include "lib/string.h"

/* Every length and alignment of a small range, with watched bytes around it. */
static void test_memset_and_memcpy(void **state)
{
	(void)state;
	for (size_t off = 0; off < 8; off++) {
		for (size_t n = 0; n < 40; n++) {
			u8 src[64], dst[64];

			for (size_t i = 0; i < 64; i++) {
				src[i] = (u8)(i + 1);
				dst[i] = 0xee;
			}
			assert_ptr_equal(memcpy(dst + off, src + 3, n), dst + off);
			for (size_t i = 0; i < 64; i++)
				assert_int_equal(dst[i], i >= off && i < off + n ? i - off + 4 : 0xee);
			assert_ptr_equal(memset(dst + off, 0x1a5, n), dst + off);
			for (size_t i = 0; i < 64; i++)
				assert_int_equal(dst[i], i >= off && i < off + n ? 0xa5 : 0xee);
		}
	}
}

static void test_memmove_overlaps(void **state)
{
	(void)state;
	for (size_t from = 0; from < 24; from++) {
		for (size_t to = 0; to < 24; to++) {
			for (size_t n = 0; n < 24; n++) {
				u8 buf[48];

				for (size_t i = 0; i < 48; i++)
					buf[i] = (u8)i;
				assert_ptr_equal(memmove(buf + to, buf + from, n), buf + to);
				for (size_t i = 0; i < 48; i++)
					assert_int_equal(buf[i], i >= to && i < to + n ? i - to + from : i);
			}
		}
	}
}

static void test_memcmp(void **state)
{
	(void)state;
	assert_int_equal(memcmp("abc", "abd", 2), 0);
	assert_true(memcmp("abc", "abd", 3) < 0);
	assert_true(memcmp("\xff", "\x01", 1) > 0);	/* unsigned bytes */
	assert_int_equal(memcmp("a", "b", 0), 0);
}

static void test_lengths(void **state)
{
	const char open_ended[3] = { 'a', 'b', 'c' };

	(void)state;
	assert_int_equal(strlen(""), 0);
	assert_int_equal(strlen("quiesce"), 7);
	assert_int_equal(strnlen(open_ended, 3), 3);
	assert_int_equal(strnlen("ab", 10), 2);
	assert_int_equal(strnlen("ab", 0), 0);
}

static void test_comparisons(void **state)
{
	(void)state;
	assert_int_equal(strcmp("", ""), 0);
	assert_true(strcmp("a", "b") < 0);
	assert_true(strcmp("ab", "a") > 0);
	assert_true(strcmp("\x80", "a") > 0);
	assert_int_equal(strncmp("abX", "abY", 2), 0);
	assert_true(strncmp("abX", "abY", 3) < 0);
	assert_int_equal(strncmp("ab", "ab", 10), 0);
	assert_true(strncmp("ab", "abc", 10) < 0);
	assert_int_equal(strncmp("x", "y", 0), 0);
	assert_true(streq("ko", "ko"));
	assert_false(streq("ko", "k"));
	assert_true(starts_with("uart.ko", "uart"));
	assert_true(starts_with("uart", ""));
	assert_false(starts_with("ua", "uart"));
}

static void test_natural_order(void **state)
{
	static const char *const sorted[] = {
		"", "A", "A1", "A2", "A4", "A4b", "A8f", "A9", "A10", "A10b", "B1", "B1c", "B2", "x9y1", "x9y10", "x10y1",
	};
	const u32 n = sizeof(sorted) / sizeof(sorted[0]);

	(void)state;
	for (u32 i = 0; i < n; i++) {
		for (u32 k = 0; k < n; k++) {
			int order = natural_cmp(sorted[i], sorted[k]);

			assert_int_equal(order < 0, i < k);
			assert_int_equal(order > 0, i > k);
		}
	}
	assert_int_equal(natural_cmp("007", "7"), 0);
}

static void test_searches(void **state)
{
	const char *s = "a/b/c";

	(void)state;
	assert_ptr_equal(strchr(s, '/'), s + 1);
	assert_ptr_equal(strrchr(s, '/'), s + 3);
	assert_null(strchr(s, 'x'));
	assert_null(strrchr(s, 'x'));
	assert_ptr_equal(strchr(s, 0), s + 5);
	assert_ptr_equal(strrchr(s, 0), s + 5);
	assert_ptr_equal(strstr(s, "b/"), s + 2);
	assert_ptr_equal(strstr(s, ""), s);
	assert_null(strstr(s, "b/c/"));
	assert_string_equal(strstr("aaab", "aab"), "aab");
}

static void test_strlcpy(void **state)
{
	char buf[4] = "zzz";

	(void)state;
	assert_int_equal(strlcpy(buf, "abc", 4), 3);
	assert_string_equal(buf, "abc");
	assert_int_equal(strlcpy(buf, "defgh", 4), 5);
	assert_string_equal(buf, "def");
	assert_int_equal(strlcpy(buf, "xyz", 1), 3);
	assert_string_equal(buf, "");
	buf[0] = 'q';
	assert_int_equal(strlcpy(buf, "xyz", 0), 3);
	assert_int_equal(buf[0], 'q');
}

static void test_errno(void **state)
{
	(void)state;
	assert_string_equal(errno_name(-EBUSY), "EBUSY");
	assert_string_equal(errno_name(EBUSY), "EBUSY");
	assert_string_equal(errno_text(-EBUSY), "in use");
	assert_string_equal(errno_name(-ECANCELED), "ECANCELED");
	assert_string_equal(errno_name(0), "OK");
	/* No hole, and no number outside, is NULL. */
	for (int i = -300; i <= 300; i++) {
		assert_non_null(errno_name(i));
		assert_non_null(errno_text(i));
	}
	assert_string_equal(errno_name(INT32_MIN), "E???");
	assert_string_equal(errno_name(15), "E???");
	assert_true(IS_ERR(ERR_PTR(-EBUSY)));
	assert_int_equal(PTR_ERR(ERR_PTR(-ENOMEM)), -ENOMEM);
	assert_false(IS_ERR(NULL));
	assert_false(IS_ERR("x"));
}

static void test_line_length(void **state)
{
	(void)state;
	assert_int_equal(line_length("", 10), 0);
	assert_int_equal(line_length("ten of it.", 10), 10);
	assert_int_equal(line_length("ten of it. More", 10), 10);
	assert_int_equal(line_length("a word too long", 10), 10);
	assert_int_equal(line_length("a word longer", 10), 6);
	assert_int_equal(line_length("unbreakable", 10), 10);
	assert_int_equal(line_length(" unbreakable", 10), 10);
	assert_int_equal(line_length("xy", 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memset_and_memcpy),
		cmocka_unit_test(test_memmove_overlaps),
		cmocka_unit_test(test_memcmp),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_comparisons),
		cmocka_unit_test(test_natural_order),
		cmocka_unit_test(test_searches),
		cmocka_unit_test(test_strlcpy),
		cmocka_unit_test(test_line_length),
		cmocka_unit_test(test_errno),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
