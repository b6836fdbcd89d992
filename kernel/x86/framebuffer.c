/* A linear framebuffer of 16, 24 or 32 bits a pixel, as the loader set it up. */
#include "x86/console.h"
#include "x86/screen.h"
#include "x86/paging.h"

#define GLYPH_COLS 8
#define GLYPH_ROWS 16
#define CURSOR_ROWS 2

/* The 16 colours of VGA text mode, 0xRRGGBB. */
static const u32 palette[16] = {
	0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa,
	0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff,
};

/* Fixed after init. */
static u8 *pixels;
static u32 pitch, bytes_per_pixel;
static u32 scale;			/* a dot of a glyph is so many pixels wide and high */
static u32 colour[16];			/* palette in the framebuffer's format */
static struct display display;

/* A value of 8 bits, as a field of `size` bits at `pos`. */
static u32 channel(u32 value, u8 pos, u8 size)
{
	return (size >= 8 ? value << (size - 8) : value >> (8 - size)) << pos;
}

static u32 encode(const struct boot_framebuffer *fb, u32 rgb)
{
	return channel(rgb >> 16 & 0xff, fb->red_pos, fb->red_size) |
	       channel(rgb >> 8 & 0xff, fb->green_pos, fb->green_size) |
	       channel(rgb & 0xff, fb->blue_pos, fb->blue_size);
}

static inline void put_pixel(volatile u8 *at, u32 value)
{
	switch (bytes_per_pixel) {
	case 4:
		*(volatile u32 *)at = value;
		break;
	case 3:
		at[0] = (u8)value;
		at[1] = (u8)(value >> 8);
		at[2] = (u8)(value >> 16);
		break;
	default:
		*(volatile u16 *)at = (u16)value;
	}
}

static void draw_dots(u8 *at, u8 bits, u32 fg, u32 bg)
{
	for (u8 mask = 0x80; mask; mask >>= 1) {
		for (u32 i = 0; i < scale; i++, at += bytes_per_pixel)
			put_pixel(at, bits & mask ? fg : bg);
	}
}

static void draw_bits(u32 row, u32 col, u32 line, u8 bits, u32 fg, u32 bg)
{
	u8 *at = pixels + (row * GLYPH_ROWS + line) * scale * pitch + col * GLYPH_COLS * scale * bytes_per_pixel;

	for (u32 i = 0; i < scale; i++, at += pitch)
		draw_dots(at, bits, fg, bg);
}

static void fb_draw(u32 row, u32 col, cell_t cell)
{
	const u8 *glyph = &font_8x16[cell_char(cell) * GLYPH_ROWS];
	u32 fg = colour[cell_fg(cell)], bg = colour[cell_bg(cell)];

	for (u32 line = 0; line < GLYPH_ROWS; line++)
		draw_bits(row, col, line, glyph[line], fg, bg);
}

static void fb_cursor(u32 row, u32 col, cell_t cell)
{
	for (u32 line = GLYPH_ROWS - CURSOR_ROWS; line < GLYPH_ROWS; line++)
		draw_bits(row, col, line, 0xff, colour[cell_fg(cell)], 0);
}

static void clear(u32 x, u32 y, u32 width, u32 height)
{
	for (u32 line = y; line < y + height; line++) {
		u8 *at = pixels + line * pitch + x * bytes_per_pixel;
		for (u32 i = 0; i < width; i++, at += bytes_per_pixel)
			put_pixel(at, colour[0]);
	}
}

/* What lies beyond the last row and column is never drawn on; the loader's text may be there. */
static void clear_margins(u32 width, u32 lines)
{
	u32 right = display.cols * GLYPH_COLS * scale, bottom = display.rows * GLYPH_ROWS * scale;

	clear(right, 0, width - right, bottom);
	clear(0, bottom, width, lines - bottom);
}

/* -- QR codes: at most half as high and as wide as the screen, unless that is too small ----------- */

#define MIN_MODULE 2			/* pixels */

static u32 width, height;		/* fixed after init */

static u32 code_version_for(u32 pixels)
{
	u32 size = pixels / MIN_MODULE, rest = 17 + 2 * QR_QUIET;

	return size < rest + 4 ? 0 : MIN((size - rest) / 4, (u32)QR_MAX_VERSION);
}

static void fill(u32 x, u32 y, u32 side, u32 value)
{
	for (u32 line = y; line < y + side; line++)
		for (u32 i = 0; i < side; i++)
			put_pixel(pixels + line * pitch + (x + i) * bytes_per_pixel, value);
}

static void fb_code(const struct qr *qr, u32 text_rows, struct screen_corner *covered)
{
	clear_margins(width, height);
	if (!qr)
		return;
	u32 modules = qr->size + 2 * QR_QUIET;
	u32 side = MAX(MIN(width, height) / 2 / modules, (u32)MIN_MODULE), left = width - modules * side;
	u32 row = GLYPH_ROWS * scale, column = GLYPH_COLS * scale, y = 0;

	if (modules * side + text_rows * row <= height)
		y = height - modules * side;

	/* Cells that it covers in part are not drawn any more. */
	clear(left / column * column, y / row * row, width - left / column * column, y % row + modules * side);
	fill(left, y, modules * side, colour[15]);
	for (u32 r = 0; r < qr->size; r++)
		for (u32 c = 0; c < qr->size; c++)
			if (qr_dark(qr, r, c))
				fill(left + (c + QR_QUIET) * side, y + (r + QR_QUIET) * side, side, colour[0]);
	covered->top = y / row;
	covered->rows = (y + modules * side + row - 1) / row - covered->top;
	covered->cols = display.cols - MIN(left / column, display.cols);
}

/* -- set-up ---------------------------------------------------------------------------------- */

/* The smallest with which the columns that there can be reach over three quarters of the screen: 1 up to
 * 1706 pixels, 2 up to 3413, 3 for 3840. On a 14-inch panel of that size a letter is then 1.9 mm wide. */
static u32 choose_scale(u32 width)
{
	u32 reach = SCREEN_MAX_COLS * GLYPH_COLS;

	return MAX((3 * width / 4 + reach - 1) / reach, 1u);
}

/* All of it, or the upper part of one that is larger than its share of the window. */
static u32 lines_that_fit(const struct boot_framebuffer *fb)
{
	u32 lines = MIN(fb->height, (FIXMAP_SCREEN - LARGE_PAGE_SIZE) / MAX(fb->pitch, 1u));

	if (lines < fb->height)
		printk("console: of the screen's %u x %u pixels only the upper %u lines fit the window to map them; "
		       "choose a smaller mode in the firmware or by GRUB's gfxpayload\n", fb->width, fb->height, lines);
	return lines;
}

const struct display *framebuffer_init(const struct boot_framebuffer *fb)
{
	u32 lines = lines_that_fit(fb);

	pitch = fb->pitch;
	bytes_per_pixel = (fb->bpp + 7) / 8;
	scale = choose_scale(fb->width);
	if (bytes_per_pixel < 2 || bytes_per_pixel > 4 ||
	    fb->width < GLYPH_COLS * scale || lines < GLYPH_ROWS * scale)
		return NULL;
	width = fb->width;
	height = lines;
	pixels = fixmap(fb->addr, pitch * lines, MEMORY_SCREEN);
	if (!pixels)
		return NULL;
	for (u32 i = 0; i < ARRAY_SIZE(palette); i++)
		colour[i] = encode(fb, palette[i]);
	display = (struct display){
		.cols = MIN(fb->width / (GLYPH_COLS * scale), (u32)SCREEN_MAX_COLS),
		.rows = MIN(lines / (GLYPH_ROWS * scale), (u32)SCREEN_MAX_ROWS),
		.draw = fb_draw,
		.cursor = fb_cursor,
		.code_version = code_version_for(MIN(fb->width, lines)),
		.code = fb_code,
	};
	clear_margins(fb->width, lines);
	return &display;
}
