// sources: lib/param.c lib/load_error.c lib/parse.c lib/string.c lib/format.c
// cflags: -include tests/unit/rename.h
// Module parameters: what may be said, and what is said of what may not.
#include "unit.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "module/param.h"

static s32 level;
static u32 rate;
static bool loud;
static char label[8];

static const struct module_param table[] = {
	{ "level", PARAM_INT, &level, sizeof(level) },
	{ "rate", PARAM_UINT, &rate, sizeof(rate) },
	{ "loud", PARAM_BOOL, &loud, sizeof(loud) },
	{ "label", PARAM_CHARP, label, sizeof(label) },
};

static struct load_error err;

static int set(const char *line)
{
	char text[MAX_PARAM_TEXT];

	strlcpy(text, line, sizeof(text));
	return params_set(table, ARRAY_SIZE(table), text, &err);
}

static int reset(void **state)
{
	(void)state;
	level = 0;
	rate = 0;
	loud = false;
	label[0] = '\0';
	err.text[0] = '\0';
	return 0;
}

static void every_type(void **state)
{
	(void)state;
	assert_int_equal(set("level=-5 rate=0xffffffff loud=on label=abc"), 0);
	assert_int_equal(level, -5);
	assert_int_equal(rate, 0xffffffff);
	assert_true(loud);
	assert_string_equal(label, "abc");
}

static void nothing(void **state)
{
	(void)state;
	assert_int_equal(set(""), 0);
	assert_int_equal(set("   "), 0);
}

static void flag_alone(void **state)
{
	(void)state;
	assert_int_equal(set("loud"), 0);
	assert_true(loud);
	assert_int_equal(set("loud=0"), 0);
	assert_false(loud);
}

static void quoted(void **state)
{
	(void)state;
	assert_int_equal(set("label=\"a b=c\" rate=1"), 0);
	assert_string_equal(label, "a b=c");
	assert_int_equal(rate, 1);
	assert_int_equal(set("label="), 0);
	assert_string_equal(label, "");
}

static void longest_text(void **state)
{
	(void)state;
	assert_int_equal(set("label=1234567"), 0);
	assert_string_equal(label, "1234567");
	assert_int_equal(set("label=12345678"), -E2BIG);
	assert_string_equal(err.text, "parameter label: the text is longer than 7 characters");
	assert_string_equal(label, "");
}

static void refused(void **state)
{
	static const struct { const char *line; int error; const char *says; } t[] = {
		{ "speed=1", -EINVAL, "no parameter is called speed; `modinfo` lists them" },
		{ "level", -EINVAL, "parameter level: needs a value: level=..." },
		{ "level=x", -EINVAL, "parameter level: \"x\" is not a whole number" },
		{ "level=", -EINVAL, "parameter level: \"\" is not a whole number" },
		{ "level=2147483648", -ERANGE, "parameter level: 2147483648 does not fit in 32 bits" },
		{ "rate=-1", -EINVAL, "parameter rate: \"-1\" is not a number from 0 on" },
		{ "loud=perhaps", -EINVAL, "parameter loud: \"perhaps\" is not y or n" },
		{ "=5", -EINVAL, "no parameter is called ; `modinfo` lists them" },
		{ "label=\"open", -EINVAL, "parameters: a quote is not closed" },
		{ "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a", -E2BIG,
		  "more than 32 parameters" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_int_equal(set(t[i].line), t[i].error);
		assert_string_equal(err.text, t[i].says);
	}
	assert_int_equal(level, 0);
	assert_int_equal(rate, 0);
}

static void first_fault_ends_it(void **state)
{
	(void)state;
	assert_int_equal(set("rate=7 level=no loud"), -EINVAL);
	assert_int_equal(rate, 7);
	assert_false(loud);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_type, reset), cmocka_unit_test_setup(nothing, reset),
		cmocka_unit_test_setup(flag_alone, reset), cmocka_unit_test_setup(quoted, reset),
		cmocka_unit_test_setup(longest_text, reset), cmocka_unit_test_setup(refused, reset),
		cmocka_unit_test_setup(first_fault_ends_it, reset),
	};
	return cmocka_run_group_tests_name("param", tests, NULL, NULL);
}
