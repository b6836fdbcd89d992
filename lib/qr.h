/* QR codes: ISO/IEC 18004:2015, byte mode, error correction level L, versions 1 to 25. Pure, without
 * heap or large tables: it runs at a panic, and on the host against another implementation. */
#pragma once
#include "lib/types.h"

#define QR_MAX_VERSION 25
#define QR_MAX_SIZE    117	/* modules on a side: 17 and 4 for each version */
#define QR_MAX_BYTES   1273	/* of text in version 25 (table 7) */
#define QR_QUIET       4	/* modules that stay light all around (5.3.8) */

#define QR_ROW_BYTES     ((QR_MAX_SIZE + 7) / 8)
#define QR_MAX_DATA      1276	/* codewords of version 25 (table 9) */
#define QR_MAX_CHECK     (12 * 26)

struct qr {
	u32 size;				/* modules on a side */
	u8 dark[QR_MAX_SIZE][QR_ROW_BYTES];	/* a bit a module, the lowest is the leftmost */
	/* While it is made. */
	u8 fixed[QR_MAX_SIZE][QR_ROW_BYTES];	/* patterns, which no data goes over */
	u8 data[QR_MAX_DATA];
	u8 check[QR_MAX_CHECK];
};

/* How many bytes a code of `version` (1 to QR_MAX_VERSION) holds. */
u32  qr_capacity(u32 version);
/* Makes the smallest code up to `max_version` that holds `text`; false: none does. Any context,
 * but one at a time for each *qr. */
bool qr_encode(struct qr *qr, const void *text, u32 len, u32 max_version) must_use;

/* Is the module in `row` and column `col`, both below size, dark? */
static inline bool qr_dark(const struct qr *qr, u32 row, u32 col)
{
	return qr->dark[row][col / 8] >> col % 8 & 1;
}
