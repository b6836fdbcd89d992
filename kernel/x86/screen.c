/* Text goes into a grid of cells; the display is told only of cells that differ
 * from what it shows. So a burst of lines costs one redraw instead of one a
 * line, and scrolling touches no pixel that stays the same. */
#include "x86/screen.h"
#include "lib/string.h"

#define ATTR_DEFAULT 0x07	/* light grey on black */
#define ATTR_BRIGHT  0x08
#define TAB          8
#define MAX_PARAMS   4

static const struct display *display;
static cell_t wanted[SCREEN_MAX_ROWS][SCREEN_MAX_COLS];
static cell_t shown[SCREEN_MAX_ROWS][SCREEN_MAX_COLS];
static u64 dirty_rows;			/* bit r: row r may differ */

static u32 row, col;			/* col == cols: the next character wraps */
static bool cursor_drawn;
static u32 shown_row, shown_col;	/* where, when it is drawn */
static u8 attr;
static bool bright;

static u32 marked;			/* the row where what is to be seen beside a code begins */
static struct screen_corner covered;	/* by a QR code */
#define PANIC_ROWS  18			/* what a panic says last, registers and all */
#define PROMPT_ROWS 3			/* and what its monitor says then */

static enum { TEXT, ESCAPE, CSI } state;
static u32 param[MAX_PARAMS], nr_params;
static u32 utf8_char, utf8_left;	/* a character that spans bytes */

_Static_assert(SCREEN_MAX_ROWS <= 64, "dirty_rows has a bit a row");

static void blank(u32 r, u32 from, u32 to)
{
	for (u32 c = from; c < to; c++)
		wanted[r][c] = make_cell(' ', attr & ~ATTR_BRIGHT);
	dirty_rows |= 1ull << r;
}

static void blank_rows(u32 from, u32 to)
{
	for (u32 r = from; r < to; r++)
		blank(r, 0, display->cols);
}

/* Those above a code that is below the text. */
static u32 text_rows(void)
{
	return covered.top ? covered.top : display->rows;
}

static void scroll(u32 by)
{
	u32 rows = text_rows();

	memmove(wanted[0], wanted[by], sizeof(wanted[0]) * (rows - by));
	marked -= MIN(marked, by);
	blank_rows(rows - by, rows);
	dirty_rows = ~0ull;
}

static void line_feed(void)
{
	if (row + 1 < text_rows())
		row++;
	else
		scroll(1);
}

static void put_glyph(u8 c)
{
	if (col >= display->cols) {
		col = 0;
		line_feed();
	}
	wanted[row][col++] = make_cell(c, attr);
	dirty_rows |= 1ull << row;
}

static void put_unicode(u32 c)
{
	for (u32 i = 0; i < 256; i++) {
		if (font_unicode[i] == c) {
			put_glyph((u8)i);
			return;
		}
	}
	put_glyph('?');
}

/* ISO 6429 counts red, green, blue from the low bit; VGA blue, green, red. */
static u8 vga_colour(u32 ansi)
{
	return (u8)((ansi & 1) << 2 | (ansi & 2) | (ansi & 4) >> 2);
}

static void select_rendition(u32 p)
{
	if (p == 0) {
		bright = false;
		attr = ATTR_DEFAULT;
	} else if (p == 1) {
		bright = true;
	} else if (p == 22) {
		bright = false;
	} else if (p == 7) {
		attr = (u8)((attr << 4 & 0x70) | (attr >> 4));	/* bit 7 would blink */
	} else if (p >= 30 && p <= 37) {
		attr = (attr & 0xf0) | vga_colour(p - 30);
	} else if (p == 39) {
		attr = (attr & 0xf0) | ATTR_DEFAULT;
	} else if (p >= 40 && p <= 47) {
		attr = (u8)((attr & 0x0f) | vga_colour(p - 40) << 4);
	} else if (p == 49) {
		attr &= 0x0f;
	} else if (p >= 90 && p <= 97) {
		attr = (attr & 0xf0) | ATTR_BRIGHT | vga_colour(p - 90);
	}
	if (bright)
		attr |= ATTR_BRIGHT;
	else if (p == 22)
		attr &= ~ATTR_BRIGHT;
}

static void erase_in_line(u32 mode)
{
	u32 here = MIN(col, display->cols - 1);

	blank(row, mode == 0 ? here : 0, mode == 1 ? here + 1 : display->cols);
}

static void erase_in_display(u32 mode)
{
	if (mode != 1)
		blank_rows(row + 1, display->rows);
	if (mode != 0)
		blank_rows(0, row);
	erase_in_line(mode);
}

static void move_to(u32 r, u32 c)
{
	row = MIN(r, display->rows - 1);
	col = MIN(c, display->cols - 1);
}

/* The end of ESC [ params final (ISO 6429, "control sequence"). A count that
 * is missing or zero means one. */
static void control_sequence(char final)
{
	u32 n = MAX(param[0], 1u);

	switch (final) {
	case 'm':
		for (u32 i = 0; i < nr_params; i++)
			select_rendition(param[i]);
		break;
	case 'A': move_to(row - MIN(n, row), col); break;
	case 'B': move_to(row + n, col); break;
	case 'C': move_to(row, col + n); break;
	case 'D': move_to(row, col - MIN(n, col)); break;
	case 'G': move_to(row, n - 1); break;
	case 'H': move_to(n - 1, MAX(param[1], 1u) - 1); break;
	case 'J': erase_in_display(param[0]); break;
	case 'K': erase_in_line(param[0]); break;
	}
}

static void begin_params(void)
{
	memset(param, 0, sizeof(param));
	nr_params = 1;
	state = CSI;
}

static void put_csi(u8 c)
{
	u32 *p = &param[nr_params - 1];

	if (c >= '0' && c <= '9') {
		*p = MIN(*p * 10 + (c - '0'), 9999u);
	} else if (c == ';') {
		nr_params = MIN(nr_params + 1, (u32)MAX_PARAMS);
	} else if (c >= 0x40 && c <= 0x7e) {
		state = TEXT;
		control_sequence((char)c);
	}
}

/* The bytes of a UTF-8 character (RFC 3629, section 3). */
static void put_utf8(u8 c)
{
	if (c >= 0xc0) {
		utf8_left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		utf8_char = c & (0x3f >> utf8_left);
	} else if (utf8_left) {
		utf8_char = utf8_char << 6 | (c & 0x3f);
		if (--utf8_left == 0)
			put_unicode(utf8_char);
	}
}

static void put_text(u8 c)
{
	switch (c) {
	case '\n': col = 0; line_feed(); break;
	case '\r': col = 0; break;
	case '\b': col -= MIN(col, 1u); break;
	case '\t': col = MIN((col / TAB + 1) * TAB, display->cols - 1); break;
	case 0x1b: state = ESCAPE; break;
	default:
		if (c >= 0x80)
			put_utf8(c);
		else if (c >= ' ' && c < 0x7f)
			put_glyph(c);
	}
}

void screen_write(const char *text, u32 len)
{
	if (!display)
		return;
	for (u32 i = 0; i < len; i++) {
		u8 c = (u8)text[i];
		if (state == CSI)
			put_csi(c);
		else if (state == TEXT)
			put_text(c);
		else if (c == '[')
			begin_params();
		else
			state = TEXT;
	}
}

static bool is_covered(u32 r, u32 c)
{
	return r - covered.top < covered.rows && c + covered.cols >= display->cols;
}

/* How many of `max` cells are left to draw elsewhere; -1: too few for this row. */
static int refresh_row(u32 r, int max)
{
	for (u32 c = 0; c < display->cols && !is_covered(r, c); c++) {
		if (wanted[r][c] == shown[r][c])
			continue;
		if (!max--)
			return -1;
		display->draw(r, c, wanted[r][c]);
		shown[r][c] = wanted[r][c];
	}
	return max;
}

/* What the cursor covers is redrawn: it is made unlike any wanted cell. */
static void lift_cursor(void)
{
	if (!cursor_drawn)
		return;
	shown[shown_row][shown_col] = (cell_t)~wanted[shown_row][shown_col];
	dirty_rows |= 1ull << shown_row;
	cursor_drawn = false;
}

bool screen_refresh(u32 max_cells)
{
	int left = (int)max_cells;

	if (!display)
		return false;
	u32 c = MIN(col, display->cols - 1);
	if (!dirty_rows && cursor_drawn && row == shown_row && c == shown_col)
		return false;

	lift_cursor();
	for (u32 r = 0; r < display->rows; r++) {
		if (!(dirty_rows & 1ull << r))
			continue;
		left = refresh_row(r, left);
		if (left < 0)
			return true;	/* the rest, and the cursor, another time */
		dirty_rows &= ~(1ull << r);
	}
	dirty_rows = 0;
	shown_row = row;
	shown_col = c;
	if (is_covered(row, c))
		return false;
	cursor_drawn = true;
	display->cursor(row, c, wanted[row][c]);
	return false;
}

u32 screen_code_version(void)
{
	return display ? display->code_version : 0;
}

void screen_mark(void)
{
	marked = row;
}

/* The last lines of the text move up to end above the code. */
static void make_room_above(void)
{
	u32 by = row + 1 - covered.top;

	memmove(wanted[0], wanted[by], sizeof(wanted[0]) * covered.top);
	blank_rows(covered.top, display->rows);
	row -= by;
}

/* All cells are drawn again, but for those that are covered now. */
void screen_code(const struct qr *qr)
{
	if (!screen_code_version())
		return;
	covered = (struct screen_corner){ 0 };
	display->code(qr, MIN(row + 1 - MIN(marked, row) + PROMPT_ROWS, (u32)PANIC_ROWS), &covered);
	if (covered.top && row >= covered.top)
		make_room_above();
	for (u32 r = 0; r < display->rows; r++)
		for (u32 c = 0; c < display->cols; c++)
			shown[r][c] = (cell_t)~wanted[r][c];
	cursor_drawn = false;
	dirty_rows = ~0ull;
	screen_refresh(SCREEN_MAX_ROWS * SCREEN_MAX_COLS);
}

void screen_init(const struct display *d)
{
	display = d;
	attr = ATTR_DEFAULT;
	blank_rows(0, d->rows);
	memset(shown, 0xff, sizeof(shown));
	cursor_drawn = false;
}
