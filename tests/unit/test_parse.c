// sources: lib/parse.c lib/string.c
// cflags: -include tests/unit/rename.h
#include "unit.h"
#include "lib/errno.h"
#include "lib/parse.h"
#include "lib/string.h"

static void test_u32(void **state)
{
	static const struct { const char *text; int err; u32 value; } t[] = {
		{ "0", 0, 0 }, { "42", 0, 42 }, { "010", 0, 10 },
		{ "0x1F", 0, 31 }, { "0Xff", 0, 255 }, { "4294967295", 0, UINT32_MAX },
		{ "0xffffffff", 0, UINT32_MAX },
		{ "4294967296", -ERANGE, 0 }, { "99999999999999999999", -ERANGE, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "0x10000000000000000", -ERANGE, 0 },
		{ "", -EINVAL, 0 }, { "0x", -EINVAL, 0 }, { "-1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 }, { " 1", -EINVAL, 0 }, { "1a", -EINVAL, 0 },
		{ "0xg", -EINVAL, 0 }, { "+1", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		u32 v = 7;

		assert_int_equal(parse_u32(t[i].text, &v), t[i].err);
		assert_int_equal(v, t[i].err ? 7 : t[i].value);
	}
}

static void test_s32(void **state)
{
	static const struct { const char *text; int err; s32 value; } t[] = {
		{ "5", 0, 5 }, { "-5", 0, -5 }, { "-0x10", 0, -16 }, { "-0", 0, 0 },
		{ "2147483647", 0, INT32_MAX }, { "-2147483648", 0, INT32_MIN },
		{ "2147483648", -ERANGE, 0 }, { "-2147483649", -ERANGE, 0 },
		{ "-", -EINVAL, 0 }, { "--1", -EINVAL, 0 }, { "", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		s32 v = 7;

		assert_int_equal(parse_s32(t[i].text, &v), t[i].err);
		assert_int_equal(v, t[i].err ? 7 : t[i].value);
	}
}

static void test_duration(void **state)
{
	static const struct { const char *text; int err; u64 ns; } t[] = {
		{ "10s", 0, 10000000000ull }, { "250ms", 0, 250000000 }, { "5us", 0, 5000 },
		{ "80ns", 0, 80 }, { "3", 0, 3000000000ull }, { "0", 0, 0 },
		{ "18446744073709551615ns", 0, UINT64_MAX },
		{ "18446744073s", 0, 18446744073000000000ull },
		{ "18446744074s", -ERANGE, 0 }, { "18446744073709551616ns", -ERANGE, 0 },
		{ "20000000000", -ERANGE, 0 },
		{ "", -EINVAL, 0 }, { "s", -EINVAL, 0 }, { "-1s", -EINVAL, 0 },
		{ "1m", -EINVAL, 0 }, { "1.5s", -EINVAL, 0 }, { "1 s", -EINVAL, 0 },
		{ "1sec", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		u64 v = 7;

		assert_int_equal(parse_duration(t[i].text, &v), t[i].err);
		assert_true(v == (t[i].err ? 7 : t[i].ns));
	}
}

static void test_bool(void **state)
{
	bool v;

	(void)state;
	assert_int_equal(parse_bool("on", &v), 0);
	assert_true(v);
	assert_int_equal(parse_bool("0", &v), 0);
	assert_false(v);
	assert_int_equal(parse_bool("true", &v), 0);
	assert_true(v);
	assert_int_equal(parse_bool("n", &v), 0);
	assert_false(v);
	assert_int_equal(parse_bool("", &v), -EINVAL);
	assert_int_equal(parse_bool("yes!", &v), -EINVAL);
}

/* Splits a copy on the heap, of its exact size, so that ASan sees every step over. */
static int split(const char *text, char **words, int max, char **line)
{
	size_t size = strlen(text) + 1;

	*line = malloc(size);
	memcpy(*line, text, size);
	return split_words(*line, words, max);
}

static void expect_words(const char *text, int n, const char *const *want)
{
	char *words[8], *line;

	assert_int_equal(split(text, words, 8, &line), n);
	for (int i = 0; i < n; i++)
		assert_string_equal(words[i], want[i]);
	free(line);
}

static void test_split_words(void **state)
{
	char *words[2], *line;

	(void)state;
	expect_words("", 0, NULL);
	expect_words("  \t ", 0, NULL);
	expect_words("a", 1, (const char *const[]){ "a" });
	expect_words("  rmmod  -w\tuart \n", 3, (const char *const[]){ "rmmod", "-w", "uart" });
	expect_words("say \"a b\" c", 3, (const char *const[]){ "say", "a b", "c" });
	expect_words("text=\"a  b\"c \"\"", 2, (const char *const[]){ "text=a  bc", "" });
	expect_words("\\\"x \\\\ \\y", 3, (const char *const[]){ "\"x", "\\", "\\y" });
	assert_int_equal(split("a b", words, 2, &line), 2);
	free(line);
	assert_int_equal(split("a b c", words, 2, &line), -E2BIG);
	free(line);
	assert_int_equal(split("a \"b c", words, 2, &line), -EINVAL);
	free(line);
	assert_int_equal(split("a", words, 0, &line), -E2BIG);
	free(line);
}

static void expect_option(const char *cmdline, const char *name, const char *want)
{
	char out[16];

	assert_int_equal(cmdline_get(cmdline, name, out, sizeof(out)), strlen(want));
	assert_string_equal(out, want);
}

static void test_cmdline(void **state)
{
	char out[4];

	(void)state;
	expect_option("quiesce.elf seed=7 lab", "seed", "7");
	expect_option("quiesce.elf seed=7 lab", "lab", "");
	expect_option("run=\"cmd; cmd\" x=1", "run", "cmd; cmd");
	expect_option("\"run=cmd; cmd\" x=1", "run", "cmd; cmd");	/* as GRUB quotes it */
	expect_option("run=\"say \\\"hi\\\"\"", "run", "say \"hi\"");
	expect_option("run=\"a seed=1\" seed=2", "seed", "2");		/* not inside quotes */
	expect_option("seed=1 seed=2", "seed", "2");
	expect_option("a=b=c", "a", "b=c");
	expect_option("run=\"open end", "run", "open end");
	expect_option("seed= x", "seed", "");
	assert_int_equal(cmdline_get("unseed=1 seeds=2", "seed", out, 4), -ENOENT);
	assert_int_equal(cmdline_get("see", "seed", out, 4), -ENOENT);
	assert_int_equal(cmdline_get("", "seed", out, 4), -ENOENT);
	assert_int_equal(cmdline_get("x=abc", "x", out, 4), 3);
	assert_int_equal(cmdline_get("x=abcd", "x", out, 4), -ENAMETOOLONG);
	assert_int_equal(cmdline_get("x", "x", out, 0), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u32),
		cmocka_unit_test(test_s32),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_split_words),
		cmocka_unit_test(test_cmdline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
