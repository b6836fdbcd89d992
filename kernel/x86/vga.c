/* VGA text mode 3: 80x25 cells at 0xB8000, CRT controller at 0x3D4, graphics controller at
 * 0x3CE. Registers: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem". */
#include "x86/cpu.h"
#include "x86/paging.h"
#include "x86/screen.h"
#include "x86/vga_code.h"

#define COLS 80
#define ROWS 25
#define TEXT_MEMORY 0xb8000

#define CRTC_INDEX 0x3d4
#define CRTC_DATA  0x3d5
#define CURSOR_HIGH 14
#define CURSOR_LOW  15

#define GRAPHICS_INDEX 0x3ce
#define GRAPHICS_DATA  0x3cf
#define GRAPHICS_MISC  6
#define MISC_GRAPHICS  0x01
#define MISC_WINDOW    0x0c	/* where its memory is seen */
#define MISC_WINDOW_B8000 0x0c

static volatile cell_t *cells;		/* fixed after init */

static void vga_draw(u32 row, u32 col, cell_t cell)
{
	cells[row * COLS + col] = cell & vga_cell_mask;
}

static void crtc_write(u8 reg, u8 value)
{
	outb(CRTC_INDEX, reg);
	outb(CRTC_DATA, value);
}

static void vga_cursor(u32 row, u32 col, cell_t cell)
{
	u32 at = row * COLS + col;

	(void)cell;
	crtc_write(CURSOR_HIGH, (u8)(at >> 8));
	crtc_write(CURSOR_LOW, (u8)at);
}

static const struct display vga = {
	.cols = COLS, .rows = ROWS, .draw = vga_draw, .cursor = vga_cursor,
	.code_version = VGA_CODE_VERSION, .code = vga_code,
};

static u8 crtc_read(u8 reg)
{
	outb(CRTC_INDEX, reg);
	return inb(CRTC_DATA);
}

/* Memory at the text window proves nothing, as RAM may lie there. A chip keeps what is written to the
 * cursor's place, which has 8 bits in its low register on every VGA; where there is none 0xff is read. */
static bool chip_answers(void)
{
	u8 kept = crtc_read(CURSOR_LOW);

	crtc_write(CURSOR_LOW, 0x5a);
	bool ok = crtc_read(CURSOR_LOW) == 0x5a;
	crtc_write(CURSOR_LOW, 0xa5);
	ok = ok && crtc_read(CURSOR_LOW) == 0xa5;
	crtc_write(CURSOR_LOW, kept);
	return ok;
}

/* A loader or a system before us may have set a graphics mode without a word (kexec). */
static bool in_text_mode(void)
{
	outb(GRAPHICS_INDEX, GRAPHICS_MISC);
	return (inb(GRAPHICS_DATA) & (MISC_GRAPHICS | MISC_WINDOW)) == MISC_WINDOW_B8000;
}

static bool window_keeps(void)
{
	cell_t first = cells[0], second = cells[1];

	cells[0] = 0xaa55;
	cells[1] = 0x55aa;
	bool ok = cells[0] == 0xaa55 && cells[1] == 0x55aa;
	cells[0] = first;
	cells[1] = second;
	return ok;
}

const struct display *vga_init(void)
{
	cells = phys_to_virt(TEXT_MEMORY);
	return chip_answers() && in_text_mode() && window_keeps() ? &vga : NULL;
}
