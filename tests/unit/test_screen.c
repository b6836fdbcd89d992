// sources: kernel/x86/screen.c
#include <string.h>
#include "unit.h"
#include "x86/screen.h"

#define ROWS 4
#define COLS 10

/* A display that remembers, instead of a font: code page 437 is ASCII here. */
const u8 font_8x16[256 * 16];
const u16 font_unicode[256] = { [0xc4] = 0x2500, [0x84] = 0xe4 };

static cell_t grid[ROWS][COLS];
static u32 drawn, cursor_row, cursor_col;

static void draw(u32 row, u32 col, cell_t cell)
{
	assert_in_range(row, 0, ROWS - 1);
	assert_in_range(col, 0, COLS - 1);
	grid[row][col] = cell;
	drawn++;
}

static void cursor(u32 row, u32 col, cell_t cell)
{
	assert_int_equal(grid[row][col], cell);
	cursor_row = row;
	cursor_col = col;
}

/* Two rows high, at the right edge of the bottom. */
static void code(const struct qr *qr, u32 text_rows, struct screen_corner *covered)
{
	if (qr && text_rows)
		*covered = (struct screen_corner){ .top = ROWS - 2, .rows = 2, .cols = 3 };
}

static const struct display display = {
	.rows = ROWS, .cols = COLS, .draw = draw, .cursor = cursor, .code_version = 1, .code = code,
};

static void put(const char *text)
{
	screen_write(text, (u32)strlen(text));
	screen_refresh(ROWS * COLS);
}

static int set_up(void **state)
{
	(void)state;
	screen_init(&display);
	put("\033[0m\033[2J\033[H");
	drawn = 0;
	return 0;
}

static void expect_row(u32 row, const char *text)
{
	char got[COLS + 1] = "";

	for (u32 c = 0; c < COLS; c++)
		got[c] = (char)cell_char(grid[row][c]);
	for (int c = COLS - 1; c >= 0 && got[c] == ' '; c--)
		got[c] = '\0';
	assert_string_equal(got, text);
}

static void expect_cursor(u32 row, u32 col)
{
	assert_int_equal(cursor_row, row);
	assert_int_equal(cursor_col, col);
}

static void text_wraps_and_scrolls(void **state)
{
	(void)state;
	put("0123456789");
	expect_cursor(0, 9);		/* the wrap waits for the next character */
	put("ab\nsecond\nthird\nfourth");
	expect_row(0, "ab");
	expect_row(1, "second");
	expect_row(3, "fourth");
	expect_cursor(3, 6);
	put("\n5th");			/* shorter than the row whose place it takes */
	expect_row(2, "fourth");
	expect_row(3, "5th");
}

static void only_changed_cells_are_drawn(void **state)
{
	(void)state;
	put("a\na\na\na");
	drawn = 0;
	put("\na");			/* a row scrolls in that looks like the one before */
	assert_in_range(drawn, 0, 2);	/* at most the cursor's old and new cells */
	drawn = 0;
	put("");
	assert_int_equal(drawn, 0);
}

static void a_budget_of_cells_is_kept(void **state)
{
	(void)state;
	screen_write("a\nbc\nd\ne", 9);
	assert_true(screen_refresh(2));	/* the cursor's old place, in whose cell the a is, and half a row */
	assert_int_equal(drawn, 2);
	expect_row(1, "b");
	expect_row(2, "");
	assert_true(screen_refresh(2));
	expect_row(1, "bc");
	expect_row(2, "d");
	expect_row(3, "");
	assert_false(screen_refresh(2));
	expect_row(3, "e");
	expect_cursor(3, 1);
	assert_false(screen_refresh(2));
	assert_int_equal(drawn, 5);
}

static void line_editor_sequences(void **state)
{
	(void)state;
	put("> abcd\033[2D\033[K");
	expect_row(0, "> ab");
	expect_cursor(0, 4);
	put("\033[99D\033[1CX\r\033[C\bY");
	expect_row(0, "YXab");
	put("\033[2;3Hhere\033[H");
	expect_row(1, "  here");
	expect_cursor(0, 0);
	put("\033[2J");
	expect_row(0, "");
	expect_row(1, "");
}

static void colours(void **state)
{
	(void)state;
	put("\033[31ma\033[1mb\033[0mc\033[94md\033[44;37me\033[0;7mf");
	assert_int_equal(grid[0][0], make_cell('a', 0x04));
	assert_int_equal(grid[0][1], make_cell('b', 0x0c));
	assert_int_equal(grid[0][2], make_cell('c', 0x07));
	assert_int_equal(grid[0][3], make_cell('d', 0x09));
	assert_int_equal(grid[0][4], make_cell('e', 0x17));
	assert_int_equal(grid[0][5], make_cell('f', 0x70));
}

static void utf8(void **state)
{
	(void)state;
	put("\xe2\x94\x80\xc3\xa4\xe2\x82\xac!");
	assert_int_equal(cell_char(grid[0][0]), 0xc4);
	assert_int_equal(cell_char(grid[0][1]), 0x84);
	assert_int_equal(cell_char(grid[0][2]), '?');	/* not in the font */
	assert_int_equal(cell_char(grid[0][3]), '!');
}

static const struct qr a_code;

/* What was said last is whole, above it, and what comes scrolls there. */
static void text_ends_above_a_code(void **state)
{
	(void)state;
	put("1\n2\nthe panic\nits remedy");
	screen_code(&a_code);
	expect_row(0, "the panic");
	expect_row(1, "its remedy");
	expect_cursor(1, 9);
	put("\nmonitor>");
	expect_row(0, "its remedy");
	expect_row(1, "monitor>");
	screen_code(NULL);
	put("\nqr off\n4th");
	expect_row(0, "its remedy");
	expect_row(3, "4th");
}

/* draw() asserts that nothing leaves the screen; the sanitizer sees the rest. */
static void any_bytes_are_safe(void **state)
{
	static const char common[] = "\033[;0123456789ABCDGHJKm\n\r\t\b";

	(void)state;
	srand(1);
	for (u32 i = 0; i < 20000; i++) {
		char text[32];
		for (u32 j = 0; j < sizeof(text); j++)
			text[j] = rand() % 4 ? common[(u32)rand() % sizeof(common)] : (char)rand();
		screen_write(text, sizeof(text));
		screen_refresh((u32)rand() % (ROWS * COLS + 1));
		if (rand() % 64 == 0)
			screen_code(rand() % 2 ? &a_code : NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(text_wraps_and_scrolls, set_up),
		cmocka_unit_test_setup(only_changed_cells_are_drawn, set_up),
		cmocka_unit_test_setup(a_budget_of_cells_is_kept, set_up),
		cmocka_unit_test_setup(line_editor_sequences, set_up),
		cmocka_unit_test_setup(colours, set_up),
		cmocka_unit_test_setup(utf8, set_up),
		cmocka_unit_test_setup(text_ends_above_a_code, set_up),
		cmocka_unit_test_setup(any_bytes_are_safe, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
