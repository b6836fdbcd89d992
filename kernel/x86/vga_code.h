/* QR codes in VGA text mode. */
#pragma once
#include "lib/qr.h"
#include "x86/screen.h"

#define VGA_CODE_VERSION 17	/* 644 bytes: what 256 glyphs can show */

/* As in struct display. */
void vga_code(const struct qr *qr, u32 text_rows, struct screen_corner *covered);
/* What text cells may have: while a code is shown, one bit chooses its glyphs. */
extern cell_t vga_cell_mask;
