/* A linear framebuffer of 16, 24 or 32 bits a pixel, as the loader set it up. */
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

static void draw_bits(u32 row, u32 col, u32 line, u8 bits, u32 fg, u32 bg)
{
	u8 *at = pixels + (row * GLYPH_ROWS + line) * pitch + col * GLYPH_COLS * bytes_per_pixel;

	for (u8 mask = 0x80; mask; mask >>= 1, at += bytes_per_pixel)
		put_pixel(at, bits & mask ? fg : bg);
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

const struct display *framebuffer_init(const struct boot_framebuffer *fb)
{
	bytes_per_pixel = (fb->bpp + 7) / 8;
	if (bytes_per_pixel < 2 || bytes_per_pixel > 4 ||
	    fb->width < GLYPH_COLS || fb->height < GLYPH_ROWS)
		return NULL;

	pitch = fb->pitch;
	pixels = fixmap(fb->addr, pitch * fb->height, false);
	if (!pixels)
		return NULL;
	for (u32 i = 0; i < ARRAY_SIZE(palette); i++)
		colour[i] = encode(fb, palette[i]);
	display = (struct display){
		.cols = MIN(fb->width / GLYPH_COLS, (u32)SCREEN_MAX_COLS),
		.rows = MIN(fb->height / GLYPH_ROWS, (u32)SCREEN_MAX_ROWS),
		.draw = fb_draw,
		.cursor = fb_cursor,
	};
	return &display;
}
