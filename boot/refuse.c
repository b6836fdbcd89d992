/* What a CPU that cannot run the kernel is left with: one sentence, on the serial port and on the
 * screen, be it text or a framebuffer that GRUB has set up.
 *
 * Called by boot.asm before paging, on a CPU that may be no better than a 486. So this file is
 * compiled for a 386 and linked at its physical address (Makefile, linker.ld), has no variables, calls
 * nothing of the kernel, and reads the font where it lies in memory. */
#include "lib/port.h"
#include "lib/types.h"
#include "x86/bootinfo.h"
#include "x86/layout.h"

#define COM1          0x3f8
#define COM1_LCR      (COM1 + 3)
#define COM1_STATUS   (COM1 + 5)
#define LCR_8N1       0x03
#define LCR_DLAB      0x80
#define BAUD_115200   1			/* divisor */
#define STATUS_EMPTY  0x20
#define VGA_TEXT      ((volatile u16 *)0xb8000)
#define VGA_CELLS     (80 * 25)
#define LIGHT_GREY    0x0700

#define GLYPH_COLS    8
#define GLYPH_ROWS    16

/* Multiboot2 2.0, 3.6.12; Multiboot 0.6.96, 3.3. */
#define MB2_END       0
#define MB2_SCREEN    8
#define MB1_SCREEN    88
#define MB1_HAS_SCREEN (1u << 12)
#define RGB           1

/* CPUID leaf 1, EDX (Intel SDM vol. 2, table 3-11); boot.asm asks for the same. */
#define TSC  (1u << 4)
#define MSR  (1u << 5)
#define PAE  (1u << 6)
#define CX8  (1u << 8)
#define CMOV (1u << 15)

void refuse(u32 magic, u32 info, u32 missing) noreturn;

extern const u8 font_8x16[256 * GLYPH_ROWS];

static const char *what_is_missing(u32 missing)
{
	if (missing & PAE)
		return "PAE";
	if (missing & CMOV)
		return "CMOV";
	if (missing & TSC)
		return "time stamp counter";
	if (missing & MSR)
		return "model specific registers";
	if (missing & CX8)
		return "CMPXCHG8B";
	return "CPUID";
}

/* -- the serial port ------------------------------------------------------------------------ */

/* GRUB leaves a UART as reset does: 5 bits a character, no divisor (PC16550D data sheet, 8.1). */
static void serial_begin(void)
{
	outb(COM1_LCR, LCR_8N1 | LCR_DLAB);
	outb(COM1, BAUD_115200);
	outb(COM1 + 1, 0);		/* the divisor's high byte */
	outb(COM1_LCR, LCR_8N1);
}

/* No port at all reads as ready; a dead one never is. */
static void serial_put(char c)
{
	for (u32 i = 0; i < 100000 && !(inb(COM1_STATUS) & STATUS_EMPTY); i++)
		;
	outb(COM1, (u8)c);
}

static void serial_say(const char *text)
{
	serial_begin();
	while (*text)
		serial_put(*text++);
}

/* -- the screen ---------------------------------------------------------------------------- */

/* As both versions of Multiboot have it. Where the colours are described, they differ. */
struct packed screen {
	u64 addr;
	u32 pitch, width, height;
	u8 bpp, type;
};
#define MB1_COLOURS 22
#define MB2_COLOURS 24
#define BLUE_POS     4
#define BLUE_SIZE    5

/* NULL: the loader told of none. *colours: behind the structure, where positions and sizes lie. */
static const struct screen *find_screen(u32 magic, u32 info, u32 *colours)
{
	*colours = MB1_COLOURS;
	if (magic == MULTIBOOT1_LOADED)
		return *(const u32 *)info & MB1_HAS_SCREEN ? (const struct screen *)(info + MB1_SCREEN) : NULL;
	*colours = MB2_COLOURS;
	if (magic != MULTIBOOT2_LOADED)
		return NULL;
	for (const u32 *tag = (const u32 *)(info + 8); tag[0] != MB2_END && tag[1] >= 8; tag += ALIGN_UP(tag[1], 8u) / 4) {
		if (tag[0] == MB2_SCREEN)
			return (const struct screen *)(tag + 2);
	}
	return NULL;
}

/* What is drawn on. */
struct canvas {
	u32 start, pitch, width, height;
	u32 bytes;			/* of a pixel */
	u32 blue;			/* a dark one; white is all bits set in any format */
	u32 scale;			/* of the letters */
};

static void put_pixel(u32 at, u32 bytes, u32 value)
{
	for (u32 i = 0; i < bytes; i++, value >>= 8)
		((volatile u8 *)at)[i] = (u8)value;
}

static void fill(const struct canvas *c)
{
	for (u32 y = 0; y < c->height; y++) {
		for (u32 x = 0; x < c->width; x++)
			put_pixel(c->start + y * c->pitch + x * c->bytes, c->bytes, c->blue);
	}
}

static void draw_char(const struct canvas *c, u32 x, u32 y, char ch)
{
	const u8 *glyph = font_8x16 - KERNEL_BASE + (u8)ch * GLYPH_ROWS;

	for (u32 dy = 0; dy < GLYPH_ROWS * c->scale; dy++) {
		u32 at = c->start + (y + dy) * c->pitch + x * c->bytes;
		for (u32 dx = 0; dx < GLYPH_COLS * c->scale; dx++, at += c->bytes)
			put_pixel(at, c->bytes, glyph[dy / c->scale] & 0x80 >> dx / c->scale ? ~0u : c->blue);
	}
}

static void draw_text(const struct canvas *c, const char *text)
{
	u32 wide = GLYPH_COLS * c->scale, high = GLYPH_ROWS * c->scale, x = 0, y = 0;

	for (; *text; text++, x += wide) {
		if (x + wide > c->width)
			x = 0, y += high;
		if (y + high <= c->height)
			draw_char(c, x, y, *text);
	}
}

/* Letters are as large as in framebuffer.c, or nearly. Without paging nothing is reached above 4 GiB. */
static bool open_canvas(const struct screen *s, u32 colours, struct canvas *c)
{
	const u8 *colour = (const u8 *)s + colours;

	if (s->addr + (u64)s->pitch * s->height > ~0u)
		return false;
	c->start = (u32)s->addr;
	c->pitch = s->pitch;
	c->width = s->width;
	c->height = s->height;
	c->bytes = (s->bpp + 7) / 8;
	c->blue = ((1u << colour[BLUE_SIZE]) - 1) / 2 << colour[BLUE_POS];
	c->scale = MAX(s->width / 1280, 1u);
	return true;
}

static void vga_say(const char *text)
{
	for (u32 i = 0; i < VGA_CELLS; i++)
		VGA_TEXT[i] = LIGHT_GREY | (*text ? (u8)*text++ : ' ');
}

static void screen_say(u32 magic, u32 info, const char *text)
{
	u32 colours;
	const struct screen *s = find_screen(magic, info, &colours);
	struct canvas c;

	if (!s || s->type != RGB) {
		vga_say(text);
	} else if (open_canvas(s, colours, &c)) {
		fill(&c);
		draw_text(&c, text);
	}
}

/* -- the sentence -------------------------------------------------------------------------- */

static u32 append(char *line, u32 at, const char *text)
{
	while (*text)
		line[at++] = *text++;
	line[at] = '\0';
	return at;
}

/* `missing`: what the CPU lacks of the above; 0: the instruction that would tell. */
void refuse(u32 magic, u32 info, u32 missing)
{
	char line[128];
	u32 at = append(line, 0, "Quiesce: this CPU has no ");

	at = append(line, at, what_is_missing(missing));
	append(line, at, "; a Pentium Pro or later is needed.");
	serial_say(line);
	screen_say(magic, info, line);
	for (;;)
		__asm__ volatile("cli; hlt");
}
