/* VGA text mode 3: 80x25 cells at 0xB8000, CRT controller at 0x3D4. */
#include "x86/cpu.h"
#include "x86/paging.h"
#include "x86/screen.h"

#define COLS 80
#define ROWS 25
#define TEXT_MEMORY 0xb8000

#define CRTC_INDEX 0x3d4
#define CRTC_DATA  0x3d5
#define CURSOR_HIGH 14
#define CURSOR_LOW  15

static volatile cell_t *cells;		/* fixed after init */

static void vga_draw(u32 row, u32 col, cell_t cell)
{
	cells[row * COLS + col] = cell;
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
};

/* A machine started by UEFI may have no VGA, or has it in a graphics mode: then
 * nothing, or no cell, answers at the text window. */
static bool window_answers(void)
{
	cell_t kept = cells[0];

	cells[0] = 0xaa55;
	cells[1] = 0x55aa;
	bool ok = cells[0] == 0xaa55;
	cells[0] = kept;
	return ok;
}

const struct display *vga_init(void)
{
	cells = phys_to_virt(TEXT_MEMORY);
	return window_answers() ? &vga : NULL;
}
