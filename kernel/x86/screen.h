/* The screen: a terminal of character cells on top of VGA text or a linear
 * framebuffer. The caller holds the console's lock throughout. */
#pragma once
#include "lib/qr.h"
#include "x86/bootinfo.h"

/* A cell as VGA text memory has it: attribute (background, foreground) in the
 * high byte, character (code page 437) in the low one. */
typedef u16 cell_t;
static inline cell_t make_cell(u8 c, u8 attr) { return (cell_t)(attr << 8 | c); }
static inline u8 cell_char(cell_t cell)       { return (u8)cell; }
static inline u8 cell_fg(cell_t cell)         { return cell >> 8 & 15; }
static inline u8 cell_bg(cell_t cell)         { return cell >> 12; }

#define SCREEN_MAX_COLS 160
#define SCREEN_MAX_ROWS 64
#define SCREEN_CELLS    (SCREEN_MAX_COLS * SCREEN_MAX_ROWS)

/* Cells at the right edge of the screen: rows from `top` on. */
struct screen_corner { u32 top, rows, cols; };

/* What draws: fixed after init. */
struct display {
	u32 cols, rows;
	void (*draw)(u32 row, u32 col, cell_t cell);
	/* The cursor sits on `cell`. Where it was before has been redrawn. */
	void (*cursor)(u32 row, u32 col, cell_t cell);
	/* The largest QR code that there is room for beside text; 0: none. */
	u32 code_version;
	/* Draws one with its margin, and says which cells that covers: the lower right corner, if that leaves
	 * `text_rows` above it, else the upper one. NULL ends it (they are drawn again). */
	void (*code)(const struct qr *qr, u32 text_rows, struct screen_corner *covered);
};

/* NULL when there is no such display. */
const struct display *vga_init(void);
const struct display *framebuffer_init(const struct boot_framebuffer *fb);

/* Made by tools/mkfont: glyphs of 16 rows, one bit a pixel, and the Unicode
 * character of each, in the order of code page 437. */
extern const u8 font_8x16[256 * 16];
extern const u16 font_unicode[256];

/* Takes a display into use, with an empty screen. */
void screen_init(const struct display *d);
/* Understands UTF-8 and the escape sequences of a line editor: colours
 * (ESC [ n m), ESC [ K, J, H and cursor movement. Draws nothing yet. */
void screen_write(const char *text, u32 len);
/* Redraws what changed, at most `max_cells` cells; true: there is more. */
bool screen_refresh(u32 max_cells);

/* The largest version of a QR code that screen_code() can show; 0: none. */
u32 screen_code_version(void);
/* What comes from here on is to be seen beside a code. */
void screen_mark(void);
/* Shows a QR code of at most that version, below the text, which then has the rows above it; a code that leaves
 * too few for what a panic says last goes into the upper right corner, over the oldest lines. NULL: no more. */
void screen_code(const struct qr *qr);
