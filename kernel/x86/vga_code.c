/* A QR code in VGA text mode, made of glyphs. VGA has a second set of 256 (IBM VGA, "Character Map
 * Select Register"), which text here never uses: the code is drawn into those, two pixels a module, and their
 * characters are put into the corner. The text stays what it was, in the mode it was in: of a mode of
 * pixels it could not be said on which PCs it would still be seen.
 *
 * Bit 3 of a cell's attribute chooses the set and is no longer a colour's. Characters become
 * 8 pixels wide: the ninth column, of no glyph, would be a gap in the code. */
#include "x86/vga_code.h"
#include "x86/cpu.h"
#include "x86/paging.h"

#define COLS        80
#define ROWS        25
#define TEXT_MEMORY 0xb8000
#define FONT_MEMORY 0xa0000
#define SECOND_SET  0x4000		/* where the map number 1 is in plane 2 */
#define GLYPH_SLOT  32			/* bytes; 16 are shown */
#define MODULE      2			/* pixels */
#define ACROSS      (8 / MODULE)	/* modules of a glyph */
#define DOWN        (16 / MODULE)

#define TEXT_BITS   0xf7ff		/* all but bit 3 of the attribute */
#define CODE_ATTR   0x78		/* second set; colour 0 on light grey */
#define MARGIN_ATTR 0x70

cell_t vga_cell_mask = 0xffff;

/* -- registers: FreeVGA's names, IBM's numbers --------------------------------------------- */

#define SEQUENCER   0x3c4
#define SEQ_RESET   0
#define SEQ_CLOCK   1
#define SEQ_PLANES  2
#define SEQ_SETS    3
#define SEQ_MEMORY  4
#define GRAPHICS    0x3ce
#define GFX_READ    4
#define GFX_MODE    5
#define GFX_MISC    6
#define ATTRIBUTES  0x3c0
#define ATTR_MODE_ON 0x20		/* the palette is the display's, not the CPU's */
#define ATTR_COLOURS 0x12
#define ATTR_SHIFT  0x13
#define MISC_READ   0x3cc
#define MISC_WRITE  0x3c2
#define MISC_28_MHZ 0x04		/* for 9 pixels a character; without: 25 MHz */
#define STATUS      0x3da		/* a read makes the next write at ATTRIBUTES an index */

static void set(u16 port, u8 index, u8 value)
{
	outb(port, index);
	outb(port + 1, value);
}

static void set_attribute(u8 index, u8 value)
{
	(void)inb(STATUS);
	outb(ATTRIBUTES, index | ATTR_MODE_ON);
	outb(ATTRIBUTES, value);
}

static void map_glyphs(void)
{
	set(SEQUENCER, SEQ_RESET, 1);
	set(SEQUENCER, SEQ_PLANES, 1u << 2);
	set(SEQUENCER, SEQ_MEMORY, 7);		/* linear addresses */
	set(SEQUENCER, SEQ_RESET, 3);
	set(GRAPHICS, GFX_READ, 2);
	set(GRAPHICS, GFX_MODE, 0);
	set(GRAPHICS, GFX_MISC, 0);		/* at 0xa0000 */
}

static void map_text(void)
{
	set(SEQUENCER, SEQ_RESET, 1);
	set(SEQUENCER, SEQ_PLANES, 3);		/* characters and attributes */
	set(SEQUENCER, SEQ_MEMORY, 3);
	set(SEQUENCER, SEQ_RESET, 3);
	set(GRAPHICS, GFX_READ, 0);
	set(GRAPHICS, GFX_MODE, 0x10);
	set(GRAPHICS, GFX_MISC, 0x0e);		/* at 0xb8000 */
}

static u8 get(u16 port, u8 index)
{
	outb(port, index);
	return inb(port + 1);
}

static void use_second_set(bool on)
{
	static bool is_on;
	static u8 misc, clock, shift;	/* as they were */

	if (on == is_on)
		return;
	is_on = on;
	if (on) {
		misc = inb(MISC_READ);
		clock = get(SEQUENCER, SEQ_CLOCK);
		shift = clock & 1 ? 0 : 8;	/* of the standard modes */
	}
	set(SEQUENCER, SEQ_RESET, 1);
	outb(MISC_WRITE, on ? misc & ~MISC_28_MHZ : misc);
	set(SEQUENCER, SEQ_CLOCK, on ? clock | 1 : clock);
	set(SEQUENCER, SEQ_SETS, on ? 1u << 2 : 0);	/* with bit 3: map 1, without: map 0 */
	set(SEQUENCER, SEQ_RESET, 3);
	set_attribute(ATTR_SHIFT, on ? 0 : shift);
	set_attribute(ATTR_COLOURS, on ? 7 : 15);	/* bit 3 is no colour */
}

/* -- the code ------------------------------------------------------------------------------- */

/* One line of pixels of the glyph that has the modules from (row, col) on. */
static u8 glyph_line(const struct qr *qr, u32 row, u32 col)
{
	u8 bits = 0;

	for (u32 i = 0; i < ACROSS; i++) {
		bool dark = row < qr->size && col + i < qr->size && qr_dark(qr, row, col + i);
		bits = (u8)(bits << MODULE | (dark ? (1u << MODULE) - 1 : 0));
	}
	return bits;
}

static void load_glyph(const struct qr *qr, u32 glyph, u32 row, u32 col)
{
	volatile u8 *at = (volatile u8 *)phys_to_virt(FONT_MEMORY) + SECOND_SET + glyph * GLYPH_SLOT;

	for (u32 line = 0; line < DOWN * MODULE; line++)
		at[line] = glyph_line(qr, row + line / MODULE, col);
}

/* A margin of one cell all around: 4 modules left and right, 8 above and below. */
static void show_glyphs(u32 top, u32 high, u32 wide)
{
	volatile cell_t *cells = phys_to_virt(TEXT_MEMORY);

	for (u32 r = 0; r < high + 2; r++) {
		for (u32 c = 0; c < wide + 2; c++) {
			bool margin = r == 0 || c == 0 || r > high || c > wide;
			cells[(top + r) * COLS + COLS - 2 - wide + c] =
				margin ? make_cell(' ', MARGIN_ATTR) : make_cell((u8)((r - 1) * wide + c - 1), CODE_ATTR);
		}
	}
}

void vga_code(const struct qr *qr, u32 text_rows, struct screen_corner *covered)
{
	vga_cell_mask = qr ? TEXT_BITS : 0xffff;
	if (!qr) {
		use_second_set(false);
		return;
	}
	u32 high = (qr->size + DOWN - 1) / DOWN, wide = (qr->size + ACROSS - 1) / ACROSS;

	map_glyphs();
	for (u32 r = 0; r < high; r++)
		for (u32 c = 0; c < wide; c++)
			load_glyph(qr, r * wide + c, r * DOWN, c * ACROSS);
	map_text();
	use_second_set(true);
	*covered = (struct screen_corner){ .rows = high + 2, .cols = wide + 2 };
	if (covered->rows + text_rows <= ROWS)
		covered->top = ROWS - covered->rows;
	show_glyphs(covered->top, high, wide);
}
