// sources: lib/boot_option.c lib/parse.c lib/format.c lib/string.c
// cflags: -include tests/unit/rename.h
#include "unit.h"
#include "lib/boot_option.h"
#include "lib/string.h"

static const char *const colours[] = { "red", "green", "blue", NULL };
static struct boot_option flag   = { .name = "flag",   .kind = BOOT_FLAG };
static struct boot_option onoff  = { .name = "onoff",  .kind = BOOT_SWITCH };
static struct boot_option count  = { .name = "count",  .kind = BOOT_NUMBER, .min = 1, .max = 64 };
static struct boot_option any    = { .name = "any",    .kind = BOOT_NUMBER, .max = ~0u };
static struct boot_option colour = { .name = "colour", .kind = BOOT_CHOICE, .choices = colours };
static struct boot_option word   = { .name = "word",   .kind = BOOT_TEXT, .min = 1, .max = 70 };
static struct boot_option *const table[] = { &flag, &onoff, &count, &any, &colour, &word };

static char said[2000];

static void say(const char *line)
{
	strlcpy(said + strlen(said), line, sizeof(said) - strlen(said));
	strlcpy(said + strlen(said), "\n", sizeof(said) - strlen(said));
}

static const char *after_reading(const char *cmdline)
{
	said[0] = '\0';
	for (u32 i = 0; i < ARRAY_SIZE(table); i++) {
		table[i]->given = false;
		table[i]->number = 0;
	}
	boot_options_read(cmdline, table, ARRAY_SIZE(table), say);
	return said;
}

static void test_well_formed(void **state)
{
	(void)state;
	assert_string_equal(after_reading(""), "");
	assert_false(flag.given);
	assert_string_equal(after_reading("flag onoff count=64 any=0xffffffff colour=blue word=x"), "");
	assert_true(flag.given && onoff.given && count.given && any.given && colour.given && word.given);
	assert_int_equal(onoff.number, 1);
	assert_int_equal(count.number, 64);
	assert_int_equal(any.number, UINT32_MAX);
	assert_int_equal(colour.number, 2);
	assert_string_equal(after_reading("onoff=off \"word=a b = c\" any=0"), "");
	assert_true(onoff.given && word.given && any.given);
	assert_int_equal(onoff.number, 0);
	assert_string_equal(after_reading("count=2 count=3"), "");
	assert_int_equal(count.number, 3);
}

/* What a malformed word says, and that it changes nothing. */
static void test_malformed(void **state)
{
	static const char *const t[][2] = {
		{ "flag=1", "flag=1: flag takes no value; ignored\n" },
		{ "flag=", "flag=: flag takes no value; ignored\n" },
		{ "onoff=maybe", "onoff=maybe: onoff= wants on or off; ignored\n" },
		{ "count=0", "count=0: count= wants a number from 1 to 64; ignored\n" },
		{ "count=65", "count=65: count= wants a number from 1 to 64; ignored\n" },
		{ "count=x", "count=x: count= wants a number from 1 to 64; ignored\n" },
		{ "count", "count: count= wants a number from 1 to 64; ignored\n" },
		{ "any=", "any=: any= wants a number from 0 to 4294967295; ignored\n" },
		{ "any=4294967296", "any=4294967296: any= wants a number from 0 to 4294967295; ignored\n" },
		{ "colour=sundial", "colour=sundial: colour= wants red, green or blue; ignored\n" },
		{ "colour", "colour: colour= wants red, green or blue; ignored\n" },
		{ "word", "word: word= wants 1 to 70 characters; ignored\n" },
		{ "word=", "word=: word= wants 1 to 70 characters; ignored\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_string_equal(after_reading(t[i][0]), t[i][1]);
		assert_false(flag.given || onoff.given || count.given || any.given || colour.given || word.given);
	}
	after_reading("count=2 count=none");
	assert_true(count.given && count.number == 2);
}

static void test_unknown(void **state)
{
	const char *rest = ": the kernel has no such option; ignored. It has: flag onoff count any colour word\n";
	static const char *const words[] = { "counts=1", "coun=1", "Flag", "=", "=1", "a=/b" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		after_reading(words[i]);
		assert_memory_equal(said, words[i], strlen(words[i]));
		assert_string_equal(said + strlen(words[i]), rest);
	}
	/* One line each, whatever is quoted. */
	assert_string_equal(strchr(after_reading("\"a\nb\""), ':'), rest);
	assert_non_null(strstr(after_reading("x y"), "\ny: the kernel has no"));
}

/* A loader puts its path of the kernel first; a path may hold blanks, quotes and '='. */
static void test_paths(void **state)
{
	(void)state;
	assert_string_equal(after_reading("/boot/quiesce.elf count=1"), "");
	assert_string_equal(after_reading("quiesce.elf"), "");
	assert_string_equal(after_reading("/home/a=b c/d.elf flag"), "");
	assert_true(flag.given);
}

static void test_long_words(void **state)
{
	char line[300];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "word=", 5);
	line[75] = '\0';
	assert_string_equal(after_reading(line), "");
	assert_true(word.given);
	line[75] = 'x';
	line[76] = '\0';
	assert_non_null(strstr(after_reading(line), "xxx: word= wants 1 to 70 characters; ignored\n"));
	/* What is cut is no number, whatever its first digits are. */
	memset(line, '0', sizeof(line));
	memcpy(line, "count=", 6);
	memcpy(line + 290, "99", 3);
	assert_non_null(strstr(after_reading(line), ": count= wants a number from 1 to 64; ignored\n"));
	memcpy(line, "any=00", 6);		/* the part that is kept would do */
	assert_non_null(strstr(after_reading(line), ": any= wants a number from "));
	assert_false(any.given);
	memset(line, 'y', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	assert_non_null(strstr(after_reading(line), "yyy: the kernel has no such option"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_well_formed),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_long_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
