// sources: user/shell/edit.c user/shell/keys.c user/shell/typeahead.c user/shell/parse.c kernel/x86/screen.c user/lib/words.c lib/parse.c lib/string.c lib/format.c lib/options.c
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
#include "user/shell/typeahead.h"
#include "x86/screen.h"

/* -- the world around the editor -------------------------------------------------------- */

/* A terminal of 80 columns, by the code that the kernel's screen has. */
#define ROWS 5
#define COLS 80
const u8 font_8x16[256 * 16];
const u16 font_unicode[256] = { [0x84] = 0xe4 };
static cell_t grid[ROWS][COLS];
static u32 cursor_row, cursor_col;
static void draw(u32 row, u32 col, cell_t cell) { grid[row][col] = cell; }
static void cursor(u32 row, u32 col, cell_t cell) { cursor_row = row, cursor_col = col, (void)cell; }
static const struct display terminal = { .rows = ROWS, .cols = COLS, .draw = draw, .cursor = cursor };
static char rows_at_enter[ROWS][COLS + 1];
static u32 col_at_enter;

static void remember_rows(void)
{
	screen_refresh(ROWS * COLS);
	col_at_enter = cursor_col;
	for (u32 r = 0; r < ROWS; r++) {
		for (u32 c = 0; c < COLS; c++)
			rows_at_enter[r][c] = (char)cell_char(grid[r][c]);
		for (u32 c = COLS; c && rows_at_enter[r][c - 1] == ' '; c--)
			rows_at_enter[r][c - 1] = '\0';
	}
}

static const char *keys;
static char screen[32768];
static u32 screen_len;

u8 next_key(void)
{
	assert_true(*keys);		/* it asks for more than the line */
	if (*keys == '\r')
		remember_rows();
	return (u8)*keys++;
}

void console_write(const char *text, u32 len)
{
	assert_true(screen_len + len < sizeof(screen));
	screen_write(text, len);
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
	screen_init(&terminal);
	screen_write("\x1b[H", 3);
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
		/* Esc, alone or in the middle, takes no key with it. */
		{ "a\x1b" "bc\r", "abc" }, { "a\x1b\x1b[Db\r", "ba" }, { "a\x1b[1;\x01" "b\r", "ba" },
		{ "a\x1b[\x1b[Db\r", "ba" }, { "a\x1bO\x7f" "b\r", "b" },
		{ "a\x1b[[Ab\x1b[[E\x1b[24~\x1b[?1;2cc\r", "abc" },	/* F1, F5 of Linux's console */
		{ "one two\x1b[1;5D\x1b[1;5D1 \x1b[1;5C!\r", "1 one! two" },
		{ "one two\x1bOd2 \x1bOd\x1bOd\x1bOc!\r", "one! 2 two" }, { "abc\x1b[H\x1b[3;5~\r", "bc" },
		{ "\xc3\xa4" "b" LEFT LEFT LEFT "c" RIGHT "d\r", "c\xc3\xa4" "db" },
		{ "a\xe2\x82\xac\xf0\x9f\x98\x80\b\x7f" "b\r", "ab" }, { "\xe2\x82\xac" "a" HOME DEL "\r", "a" },
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
	assert_int_equal(type("half\x1b\x03"), -EINTR);
	assert_int_equal(type("half\x1b[\x03"), -EINTR);
	assert_int_equal(type("half\x1b[1;\x03"), -EINTR);
	assert_int_equal(type("half\x1bO\x03"), -EINTR);
	assert_int_equal(type("half\x1b[[\x03"), -EINTR);
	assert_int_equal(type("half\xe2\x82\x03"), -EINTR);
}

/* A hole, or what is not UTF-8: overlong, a surrogate, beyond the last, a stray byte, half of one. */
static void damaged_lines_are_not_run(void **state)
{
	static const char *const t[] = {
		"a\xff" "b\r", "\xff\r", "a\xff\b\b\b\r", "\xc0\xaf\r", "\xe0\x80\x80\r", "\xed\xa0\x80\r",
		"\xf4\x90\x80\x80\r", "\x80\r", "\xc3\r", "\xf5\x80\x80\x80\r",
	};

	(void)state;
	type("whole\r");
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_int_equal(type(t[i]), -EIO);
		assert_non_null(strstr(screen, "not run: characters of this line were lost"));
		assert_int_equal(type(UP "\r"), 0);
		assert_string_equal(line, "whole");
	}
	assert_int_equal(type("a\xff\x03"), -EINTR);
	assert_int_equal(type("the next is whole\r"), 0);
}

/* One row, whatever is done in the line; all of it when it is run. */
static void a_line_wider_than_the_screen(void **state)
{
	char digits[201], what[1000];

	(void)state;
	for (u32 i = 0; i < 200; i++)
		digits[i] = (char)('0' + i / 10 % 10);
	digits[200] = '\0';
	for (u32 len = 60; len <= 200; len++) {
		for (u32 back = 0; back <= len; back += 7) {
			u32 n = (u32)snprintf(what, sizeof(what), "%s", digits + 200 - len);
			for (u32 i = 0; i < back; i++)
				n += (u32)snprintf(what + n, sizeof(what) - n, "%s", LEFT);
			snprintf(what + n, sizeof(what) - n, "x\by\r");
			assert_int_equal(type(what), 0);
			assert_int_equal(strlen(line), len + 1);
			for (u32 r = 1; r < ROWS; r++)
				assert_string_equal(rows_at_enter[r], "");
			const char *row = rows_at_enter[0];
			assert_int_equal(strncmp(row, "> ", 2), 0);
			assert_int_equal(row[col_at_enter - 1], 'y');	/* the cursor is behind it */
			/* What is shown is part of the line, but for the signs at its ends. */
			char part[COLS + 1];
			strlcpy(part, row + 2 + (row[2] == '<'), sizeof(part));
			u32 end = strlen(part);
			if (part[end - 1] == '>')
				part[end - 1] = '\0';
			assert_non_null(strstr(line, part));
			if (len + 1 > COLS - 1 - 2)
				assert_non_null(strstr(screen, line));	/* whole, at the end */
		}
	}
}

/* -- what is typed ahead ---------------------------------------------------------------- */

static void typed_ahead(void **state)
{
	(void)state;
	assert_int_equal(typeahead_get(), -EAGAIN);
	assert_false(typeahead_ctrl_c());
	for (u32 round = 0; round < 3; round++) {
		u32 n = 0, at = 0;
		for (; typeahead_room(); n++)
			typeahead_put((u8)('0' + n % 61));
		assert_int_equal(n, TYPEAHEAD_MAX);
		for (; at < 1000; at++)
			assert_int_equal(typeahead_get(), '0' + at % 61);
		for (; n < TYPEAHEAD_MAX + 1000; n++) {
			assert_true(typeahead_room());
			typeahead_put((u8)('0' + n % 61));
		}
		assert_false(typeahead_room());
		for (; at < n; at++)
			assert_int_equal(typeahead_get(), '0' + at % 61);
		assert_int_equal(typeahead_get(), -EAGAIN);
	}
	for (const char *c = "ab\x03" "c\x03" "de"; *c; c++) {
		assert_true(typeahead_room());
		typeahead_put((u8)*c);
	}
	assert_int_equal(typeahead_get(), 'a');
	assert_true(typeahead_ctrl_c());
	assert_false(typeahead_ctrl_c());
	assert_int_equal(typeahead_get(), 'd');
	assert_int_equal(typeahead_get(), 'e');
	assert_int_equal(typeahead_get(), -EAGAIN);
	typeahead_put(0x03);
	assert_int_equal(typeahead_get(), 0x03);		/* read as a key: none is left */
	assert_false(typeahead_ctrl_c());
}

static void what_is_too_long_rings(void **state)
{
	static char much[EDIT_MAX + 10];

	(void)state;
	memset(much, 'x', sizeof(much) - 2);
	much[sizeof(much) - 2] = '\r';
	assert_int_equal(type(much), -E2BIG);
	assert_int_equal(strlen(line), EDIT_MAX - 1);
	assert_non_null(strchr(screen, '\a'));
	assert_non_null(strstr(screen, "not run: a line has at most 255 bytes"));
	assert_int_equal(type(UP "\b\r"), 0);			/* it is there to be mended */
	assert_int_equal(strlen(line), EDIT_MAX - 2);
}

/* The first test: no line has been typed yet. */
static void history_is_empty_at_first(void **state)
{
	(void)state;
	type("typed" UP "\r");
	assert_string_equal(line, "typed");
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
		cmocka_unit_test(history_is_empty_at_first), cmocka_unit_test(editing), cmocka_unit_test(given_up),
		cmocka_unit_test(damaged_lines_are_not_run), cmocka_unit_test(a_line_wider_than_the_screen),
		cmocka_unit_test(typed_ahead), cmocka_unit_test(what_is_too_long_rings), cmocka_unit_test(history_of_lines),
		cmocka_unit_test(completing), cmocka_unit_test(commands_of_a_line),
		cmocka_unit_test(words_survive_the_way), cmocka_unit_test(authority_and_jobs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
