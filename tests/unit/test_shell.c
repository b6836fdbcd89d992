// sources: user/shell/edit.c user/shell/parse.c user/lib/words.c lib/parse.c lib/string.c lib/format.c lib/options.c
// cflags: -include tests/unit/rename.h -Dprintf=shell_printf
// The shell's pure parts: the line editor with keys from here and its output kept, and
// what takes lines apart.
#include "unit.h"
#include "lib/abi.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "user/lib/stdio.h"
#include "user/lib/words.h"
#include "user/shell/shell.h"

/* -- the world around the editor -------------------------------------------------------- */

static const char *keys;
static char screen[8192];
static u32 screen_len;

u8 next_key(void)
{
	assert_true(*keys);		/* it asks for more than the line */
	return (u8)*keys++;
}

void console_write(const char *text, u32 len)
{
	assert_true(screen_len + len < sizeof(screen));
	memcpy(screen + screen_len, text, len);
	screen_len += len;
	screen[screen_len] = '\0';
}

int shell_printf(const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	console_write(text, (u32)n);
	return n;
}

/* Commands at the start of a command, planets behind one. */
bool candidate(const char *line, u32 word, u32 i, char *out, u32 size)
{
	static const char *const commands[] = { "help", "hammer", "hammock" };
	static const char *const planets[] = { "earth", "mars" };
	bool first = !word || strchr(";&", line[word - 1]);

	if (i >= (first ? ARRAY_SIZE(commands) : ARRAY_SIZE(planets)))
		return false;
	strlcpy(out, first ? commands[i] : planets[i], size);
	return true;
}

static char line[EDIT_MAX];

static int type(const char *what)
{
	keys = what;
	screen_len = 0;
	return edit_line("> ", line);
}

#define UP    "\x1b[A"
#define DOWN  "\x1b[B"
#define RIGHT "\x1b[C"
#define LEFT  "\x1b[D"
#define HOME  "\x1b[H"
#define END   "\x1b[F"
#define DEL   "\x1b[3~"

static void editing(void **state)
{
	static const struct { const char *keys, *line; } t[] = {
		{ "echo\r", "echo" }, { "\r", "" }, { "ab\b\n", "a" }, { "\x7f\x7f" "a\r", "a" },
		{ "ac" LEFT "b\r", "abc" }, { "bc" HOME "a" END "d\r", "abcd" },
		{ "abXc" LEFT LEFT DEL "\r", "abc" }, { "ab" LEFT LEFT LEFT RIGHT RIGHT RIGHT "c\r", "abc" },
		{ "one two\x17three\r", "one three" }, { "junk\x15ok\r", "ok" },
		{ "kept lost" LEFT LEFT LEFT LEFT LEFT "\x0b\r", "kept" },
		{ "a\x1b[5~b\x1b[15~c\x1bOP\x07" "d\r", "abcd" },	/* keys that mean nothing */
		{ "b\x01" "a\x05" "c\r", "abc" }, { "\x1b[1~\x1b[4~x\r", "x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_int_equal(type(t[i].keys), 0);
		assert_string_equal(line, t[i].line);
	}
}

static void given_up(void **state)
{
	(void)state;
	assert_int_equal(type("half a li\x03"), -EINTR);
	assert_non_null(strstr(screen, "^C\n"));
}

static void what_is_too_long_rings(void **state)
{
	static char much[EDIT_MAX + 10];

	(void)state;
	memset(much, 'x', sizeof(much) - 2);
	much[sizeof(much) - 2] = '\r';
	assert_int_equal(type(much), 0);
	assert_int_equal(strlen(line), EDIT_MAX - 1);
	assert_non_null(strchr(screen, '\a'));
}

static void history_of_lines(void **state)
{
	(void)state;
	type("first\r");
	type("second\r");
	type("second\r");
	type(UP "\r");
	assert_string_equal(line, "second");
	type(UP UP "\r");
	assert_string_equal(line, "first");
	type("typed" UP DOWN "!\r");
	assert_string_equal(line, "typed!");
	for (int i = 0; i < 2 * EDIT_HISTORY; i++) {
		char text[16];
		snprintf(text, sizeof(text), "line %d\r", i);
		type(text);
	}
	char many[3 * EDIT_HISTORY * 3 + 2] = "";
	for (int i = 0; i < 3 * EDIT_HISTORY; i++)
		memcpy(many + 3 * i, UP, 4);
	memcpy(many + sizeof(many) - 2, "\r", 2);
	type(many);
	assert_string_equal(line, "line 32");	/* the oldest that is kept */
}

static void completing(void **state)
{
	(void)state;
	type("he\tm\t\r");
	assert_string_equal(line, "help mars ");
	type("x;ham\te\t\r");
	assert_string_equal(line, "x;hammer ");
	type("ham\t\r");
	assert_string_equal(line, "hamm");
	assert_non_null(strstr(screen, "\nhammer  hammock  \n\r> hamm"));
	type("zzz\t\r");
	assert_string_equal(line, "zzz");
	assert_non_null(strchr(screen, '\a'));
}

/* -- lines ---------------------------------------------------------------------------------- */

static void commands_of_a_line(void **state)
{
	static const struct { const char *line; const char *part[4]; } t[] = {
		{ "a; b", { "a", " b" } }, { "a & b", { "a &", " b" } }, { "a&", { "a&" } },
		{ "\"a;b&c\" d;e", { "\"a;b&c\" d", "e" } }, { "\\\"a;b", { "\\\"a", "b" } },
		{ "\"\\\";\";x", { "\"\\\";\"", "x" } }, { ";;a", { "", "", "a" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		char text[32], *rest = text;
		strlcpy(text, t[i].line, sizeof(text));
		for (int n = 0; t[i].part[n]; n++) {
			bool background;
			u32 len = strlen(t[i].part[n]);
			bool wanted = len && t[i].part[n][len - 1] == '&';
			char *one = next_command(&rest, &background);
			assert_int_equal(background, wanted);
			assert_int_equal(strlen(one), len - wanted);
			assert_int_equal(strncmp(one, t[i].part[n], len - wanted), 0);
		}
		assert_string_equal(rest, "");
	}
}

static void words_survive_the_way(void **state)
{
	static char *const words[] = { "run", "two words", "", "q\"uote", "back\\slash", "it's", "a;b", "\ttab" };
	char text[128], *again[ARRAY_SIZE(words)];

	(void)state;
	assert_int_equal(join_words(ARRAY_SIZE(words), (char **)words, text, sizeof(text)), 0);
	assert_int_equal(split_words(text, again, ARRAY_SIZE(words)), ARRAY_SIZE(words));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_string_equal(again[i], words[i]);
	char *plain[] = { "rmmod", "-t", "2s" };
	assert_int_equal(join_words(3, plain, text, 12), 0);
	assert_string_equal(text, "rmmod -t 2s");
	assert_int_equal(join_words(3, plain, text, 11), -E2BIG);
}

static void authority_and_jobs(void **state)
{
	u32 n;

	(void)state;
	assert_int_equal(parse_authority("irq", &n), 0);
	assert_int_equal(n, AUTH_IRQ);
	assert_int_equal(parse_authority("ports,irq,power", &n), 0);
	assert_int_equal(n, AUTH_PORTS | AUTH_IRQ | AUTH_POWER);
	static const char *const wrong[] = { "", "port", "portsx", "ports,", ",irq", "ports irq" };
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(parse_authority(wrong[i], &n), -EINVAL);
	assert_int_equal(parse_job("%12", &n), 0);
	assert_int_equal(n, 12);
	assert_int_equal(parse_job("12", &n), -EINVAL);
	assert_int_equal(parse_job("%", &n), -EINVAL);
	assert_int_equal(parse_job("%1x", &n), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(editing), cmocka_unit_test(given_up),
		cmocka_unit_test(what_is_too_long_rings), cmocka_unit_test(history_of_lines),
		cmocka_unit_test(completing), cmocka_unit_test(commands_of_a_line),
		cmocka_unit_test(words_survive_the_way), cmocka_unit_test(authority_and_jobs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
