// sources: lib/format.c lib/string.c
// cflags: -include tests/unit/rename.h -Wno-format
#include "unit.h"
#include "lib/format.h"
#include "lib/string.h"

static char out[256];

#define expect(text, ...)                                                       \
	do {                                                                    \
		int n_ = snprintf(out, sizeof(out), __VA_ARGS__);               \
		assert_string_equal(out, text);                                 \
		assert_int_equal(n_, strlen(text));                             \
	} while (0)

static void test_decimal(void **state)
{
	(void)state;
	expect("0", "%d", 0);
	expect("-1 42", "%d %i", -1, 42);
	expect("-2147483648", "%d", INT32_MIN);
	expect("4294967295", "%u", UINT32_MAX);
	expect("-9223372036854775808", "%lld", INT64_MIN);
	expect("18446744073709551615", "%llu", UINT64_MAX);
	expect("10000000000", "%llu", 10000000000ull);
	expect("+5 -5", "%+d %+d", 5, -5);
	expect(" 5 -5", "% d % d", 5, -5);
	expect("7", "%zu", (size_t)7);
}

static void test_short_lengths(void **state)
{
	(void)state;
	expect("-1 255", "%hhd %hhu", 255, 255);
	expect("-1 65535", "%hd %hu", 65535, 65535);
	expect("ff", "%hhx", 0x1ff);
}

static void test_hex_and_octal(void **state)
{
	(void)state;
	expect("beef BEEF", "%x %X", 0xbeef, 0xbeef);
	expect("0xbeef 0XBEEF", "%#x %#X", 0xbeef, 0xbeef);
	expect("0", "%#x", 0);
	expect("fedcba9876543210", "%llx", 0xfedcba9876543210ull);
	expect("0001f", "%05x", 0x1f);
	expect("0x01f", "%#05x", 0x1f);
	expect("17 017 0", "%o %#o %#o", 15, 15, 0);
	expect("1777777777777777777777", "%llo", UINT64_MAX);
}

static void test_width_and_precision(void **state)
{
	(void)state;
	expect("   42|42   |00042", "%5d|%-5d|%05d", 42, 42, 42);
	expect("  -42|-0042", "%5d|%05d", -42, -42);
	expect("  042", "%5.3d", 42);
	expect("  042", "%05.3d", 42);		/* a precision cancels the 0 flag */
	expect("42   ", "%-05d", 42);		/* and so does - */
	expect("", "%.0d", 0);
	expect("   42|42   ", "%*d|%*d", 5, 42, -5, 42);
	expect("007", "%.*d", 3, 7);
	expect("7", "%.*d", -3, 7);
	expect("+007", "%+04d", 7);
}

static void test_strings(void **state)
{
	const char open_ended[2] = { 'o', 'k' };

	(void)state;
	expect("abc|", "%s|", "abc");
	expect("abc       |", "%-10s|", "abc");
	expect("       abc|", "%10s|", "abc");
	expect("ab|", "%.2s|", "abc");
	expect("ok|", "%.*s|", 2, open_ended);
	expect("   ab|", "%5.*s|", 2, "abc");
	expect("(null)", "%s", NULL);
	expect("x|  y|z  |", "%c|%3c|%-3c|", 'x', 'y', 'z');
}

static void test_pointers(void **state)
{
	(void)state;
	expect("0xc0100000", "%p", (void *)0xc0100000u);
	expect("0x00000000", "%p", NULL);
	expect("  0x00001000", "%12p", (void *)0x1000);
}

static void test_percent_and_mistakes(void **state)
{
	(void)state;
	expect("100%", "%d%%", 100);
	expect("%q", "%q");
	expect("a%", "a%");
	expect("a%-5", "a%-5");
	expect("", "");
}

static void test_absurd_width_is_cut(void **state)
{
	(void)state;
	assert_int_equal(snprintf(out, sizeof(out), "%99999999999d", 1), 4096);
	assert_int_equal(snprintf(out, sizeof(out), "%*d", INT32_MIN, 1), 4096);
	assert_int_equal(strlen(out), sizeof(out) - 1);
}

static void test_snprintf_cuts(void **state)
{
	char buf[4] = "zzz";

	(void)state;
	assert_int_equal(snprintf(buf, sizeof(buf), "%s", "abcdef"), 6);
	assert_string_equal(buf, "abc");
	assert_int_equal(snprintf(buf, 1, "%d", 12), 2);
	assert_string_equal(buf, "");
	assert_int_equal(snprintf(NULL, 0, "%d", 12345), 5);
}

static void count_bytes(char c, void *ctx)
{
	*(int *)ctx += c == 'x';
}

static int format_to(int *count, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = format(count_bytes, count, fmt, args);
	va_end(args);
	return n;
}

static void test_sink(void **state)
{
	int count = 0;

	(void)state;
	assert_int_equal(format_to(&count, "x%sx%c", "xx", 'y'), 5);
	assert_int_equal(count, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decimal),
		cmocka_unit_test(test_short_lengths),
		cmocka_unit_test(test_hex_and_octal),
		cmocka_unit_test(test_width_and_precision),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_pointers),
		cmocka_unit_test(test_percent_and_mistakes),
		cmocka_unit_test(test_absurd_width_is_cut),
		cmocka_unit_test(test_snprintf_cuts),
		cmocka_unit_test(test_sink),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
