/* QR codes in VGA text mode. */
#pragma once
#include "lib/qr.h"
#include "x86/screen.h"

#define VGA_CODE_VERSION 17	/* 644 bytes: what 256 glyphs can show */

/* As in struct display. */
void vga_code(const struct qr *qr, u32 *rows, u32 *cols);
/* What text cells may have: while a code is shown, one bit chooses its glyphs. */
extern cell_t vga_cell_mask;
