/* GF(256) as QR codes have it, and the Reed-Solomon code over it (ISO/IEC 18004:2015, 7.5.2 and
 * annex A). Without tables: a panic's code takes some 30,000 products, a millisecond. */
#pragma once
#include "lib/types.h"

#define RS_MAX_CHECK 30		/* check symbols of one block, level L, versions 1 to 25 */

/* The `nr_check` check symbols of `data`, at most RS_MAX_CHECK: the remainder of data times
 * x^nr_check by the generator (x - 2^0)(x - 2^1)...(x - 2^(nr_check - 1)). Any context. */
void rs_check_symbols(const u8 *data, u32 len, u8 *check, u32 nr_check);
