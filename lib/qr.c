/* The numbers in brackets are sections of ISO/IEC 18004:2015. */
#include "lib/qr.h"
#include "lib/gf256.h"
#include "lib/string.h"

#define MODE_BYTE     4		/* table 2 */
#define LEVEL_L       1		/* table 12 */
#define MASK          0		/* table 10: (row + column) % 2 == 0 */

/* Level L of table 9: blocks, and check symbols in each. */
static const struct { u8 blocks, check; } level_l[QR_MAX_VERSION + 1] = {
	[1] = { 1, 7 },
	{ 1, 10 }, { 1, 15 }, { 1, 20 }, { 1, 26 }, { 2, 18 }, { 2, 20 }, { 2, 24 }, { 2, 30 },
	{ 4, 18 }, { 4, 20 }, { 4, 24 }, { 4, 26 }, { 4, 30 }, { 6, 22 }, { 6, 24 }, { 6, 28 },
	{ 6, 30 }, { 7, 28 }, { 8, 28 }, { 8, 28 }, { 9, 28 }, { 9, 30 }, { 10, 30 }, { 12, 26 },
};

/* -- how much fits ------------------------------------------------------------------ */

/* Alignment patterns in a row of them; none in version 1 (annex E). */
static u32 alignments(u32 version) { return version > 1 ? version / 7 + 2 : 0; }

/* Codewords, checks among them: what the patterns leave (table 1). */
static u32 codewords(u32 version)
{
	u32 size = 17 + 4 * version, n = alignments(version);
	/* Three finders with separators and format; timing; the dark module is of the format. */
	u32 modules = size * size - 3 * 64 - 31 - 2 * (size - 16);

	if (n)		/* three are left out for the finders; those on the timing patterns share 5 with them */
		modules -= 25 * (n * n - 3) - 2 * 5 * (n - 2);
	if (version >= 7)
		modules -= 2 * 18;
	return modules / 8;
}

static u32 data_codewords(u32 version)
{
	return codewords(version) - level_l[version].blocks * level_l[version].check;
}

/* Bits of the count of bytes (table 3). */
static u32 count_bits(u32 version) { return version < 10 ? 8 : 16; }

u32 qr_capacity(u32 version)
{
	return (data_codewords(version) * 8 - 4 - count_bits(version)) / 8;
}

/* -- the patterns ------------------------------------------------------------------- */

static void set(u8 map[QR_MAX_SIZE][QR_ROW_BYTES], u32 row, u32 col, bool on)
{
	u8 bit = (u8)(1u << col % 8);

	map[row][col / 8] = (u8)((map[row][col / 8] & ~bit) | (on ? bit : 0));
}

static void fix(struct qr *qr, u32 row, u32 col, bool dark)
{
	set(qr->dark, row, col, dark);
	set(qr->fixed, row, col, true);
}

static u32 distance(u32 a, u32 b) { return a > b ? a - b : b - a; }

/* Rings around (row, col) out to `radius`, cut off at the edges: dark where bit r of `dark`,
 * with r the distance from the centre, is set. */
static void rings(struct qr *qr, u32 row, u32 col, u32 radius, u32 dark)
{
	for (u32 r = row - MIN(row, radius); r <= row + radius && r < qr->size; r++)
		for (u32 c = col - MIN(col, radius); c <= col + radius && c < qr->size; c++)
			fix(qr, r, c, dark >> MAX(distance(r, row), distance(c, col)) & 1);
}

/* With their separators (6.3.3, 6.3.4). */
static void draw_finders(struct qr *qr)
{
	rings(qr, 3, 3, 4, 0xb);
	rings(qr, 3, qr->size - 4, 4, 0xb);
	rings(qr, qr->size - 4, 3, 4, 0xb);
}

/* 6.3.5. */
static void draw_timing(struct qr *qr)
{
	for (u32 i = 0; i < qr->size; i++) {
		fix(qr, 6, i, i % 2 == 0);
		fix(qr, i, 6, i % 2 == 0);
	}
}

/* The i-th row or column of alignment patterns: table E.1 as a formula. */
static u32 alignment_at(u32 version, u32 i)
{
	u32 n = alignments(version), last = 4 * version + 10;
	u32 step = n > 1 ? ALIGN_UP((last - 6 + n - 2) / (n - 1), 2u) : 0;

	return i ? last - step * (n - 1 - i) : 6;
}

/* 6.3.6. */
static void draw_alignments(struct qr *qr, u32 version)
{
	u32 n = alignments(version);

	for (u32 i = 0; i < n; i++)
		for (u32 k = 0; k < n; k++)
			if (!(i == 0 && k == 0) && !(i == 0 && k == n - 1) && !(i == n - 1 && k == 0))
				rings(qr, alignment_at(version, i), alignment_at(version, k), 2, 0x5);
}

/* `value`, and behind it its remainder by a generator of degree `check` (annexes C and D). */
static u32 with_remainder(u32 value, u32 generator, u32 check)
{
	u32 rest = value;

	for (u32 i = 0; i < check; i++)
		rest = rest << 1 ^ (rest >> (check - 1) & 1 ? generator : 0);
	return value << check | (rest & ((1u << check) - 1));
}

/* 7.9: twice, each bit at its own places, and the dark module. */
static void draw_format(struct qr *qr)
{
	u32 bits = with_remainder(LEVEL_L << 3 | MASK, 0x537, 10) ^ 0x5412;

	for (u32 i = 0; i < 15; i++) {
		bool dark = bits >> i & 1;
		u32 along = i < 6 ? i : i < 8 ? i + 1 : 0;	/* the timing pattern is passed over */

		/* Around the upper left finder. */
		if (i < 8)
			fix(qr, along, 8, dark);
		else
			fix(qr, 8, i == 8 ? 7 : 14 - i, dark);
		/* Beside the two others. */
		if (i < 8)
			fix(qr, 8, qr->size - 1 - i, dark);
		else
			fix(qr, qr->size - 15 + i, 8, dark);
	}
	fix(qr, qr->size - 8, 8, true);
}

/* 7.10: from version 7 on. */
static void draw_version(struct qr *qr, u32 version)
{
	u32 bits = with_remainder(version, 0x1f25, 12);

	for (u32 i = 0; version >= 7 && i < 18; i++) {
		fix(qr, i / 3, qr->size - 11 + i % 3, bits >> i & 1);
		fix(qr, qr->size - 11 + i % 3, i / 3, bits >> i & 1);
	}
}

static void draw_patterns(struct qr *qr, u32 version)
{
	memset(qr, 0, sizeof(*qr));
	qr->size = 17 + 4 * version;
	draw_timing(qr);
	draw_finders(qr);
	draw_alignments(qr, version);
	draw_format(qr);
	draw_version(qr, version);
}

/* -- the codewords -------------------------------------------------------------------- */

static void put_bits(u8 *data, u32 *at, u32 value, u32 n)
{
	while (n--) {
		data[*at / 8] |= (u8)((value >> n & 1) << (7 - *at % 8));
		(*at)++;
	}
}

/* Mode, count, bytes, terminator (7.4.1 to 7.4.9), padding (7.4.10). */
static void fill_data(struct qr *qr, u32 version, const u8 *text, u32 len)
{
	u32 at = 0, n = data_codewords(version);

	put_bits(qr->data, &at, MODE_BYTE, 4);
	put_bits(qr->data, &at, len, count_bits(version));
	for (u32 i = 0; i < len; i++)
		put_bits(qr->data, &at, text[i], 8);
	/* The terminator's four zero bits fill the last byte: mode and count end in the middle of one. */
	for (u32 i = (at + 7) / 8, pad = 0xec; i < n; i++, pad ^= 0xec ^ 0x11)
		qr->data[i] = (u8)pad;
}

/* Blocks differ by one data codeword at most; the short ones come first (7.5.1). */
static u32 block_start(u32 version, u32 block)
{
	u32 n = level_l[version].blocks, all = data_codewords(version), nr_short = n - all % n;

	return block * (all / n) + (block > nr_short ? block - nr_short : 0);
}

static void fill_check(struct qr *qr, u32 version)
{
	u32 each = level_l[version].check;

	for (u32 b = 0; b < level_l[version].blocks; b++) {
		u32 start = block_start(version, b);

		rs_check_symbols(qr->data + start, block_start(version, b + 1) - start,
		                 qr->check + b * each, each);
	}
}

/* Where the next bit goes: two columns at a time from the right, up and down by turns, without
 * the timing pattern's column and what is fixed (7.7.3). */
struct cursor { u32 right, step; };

static bool next_module(const struct qr *qr, struct cursor *c, u32 *row, u32 *col)
{
	for (;;) {
		if (c->step == 2 * qr->size) {
			if (c->right <= 2)
				return false;
			c->right -= c->right == 8 ? 3 : 2;
			c->step = 0;
		}
		bool upwards = !((c->right + 1) & 2);
		u32 along = c->step / 2;

		*row = upwards ? qr->size - 1 - along : along;
		*col = c->right - c->step % 2;
		c->step++;
		if (!(qr->fixed[*row][*col / 8] >> *col % 8 & 1))
			return true;
	}
}

static void place(struct qr *qr, struct cursor *c, u8 word)
{
	u32 row, col;

	for (u32 bit = 0x80; bit && next_module(qr, c, &row, &col); bit >>= 1)
		set(qr->dark, row, col, !(word & bit) ^ ((row + col) % 2 != 0));
}

/* First the first codeword of each block, then the second ... (7.6). */
static void place_all(struct qr *qr, u32 version)
{
	u32 blocks = level_l[version].blocks, each = level_l[version].check, row, col;
	struct cursor c = { qr->size - 1, 0 };

	for (u32 i = 0; i <= data_codewords(version) / blocks; i++)
		for (u32 b = 0; b < blocks; b++)
			if (block_start(version, b) + i < block_start(version, b + 1))
				place(qr, &c, qr->data[block_start(version, b) + i]);
	for (u32 i = 0; i < each; i++)
		for (u32 b = 0; b < blocks; b++)
			place(qr, &c, qr->check[b * each + i]);
	while (next_module(qr, &c, &row, &col))		/* up to 7 that remain, all light (table 1) */
		set(qr->dark, row, col, (row + col) % 2 == 0);
}

bool qr_encode(struct qr *qr, const void *text, u32 len, u32 max_version)
{
	u32 version = 1;

	while (version <= MIN(max_version, (u32)QR_MAX_VERSION) && qr_capacity(version) < len)
		version++;
	if (version > MIN(max_version, (u32)QR_MAX_VERSION))
		return false;
	draw_patterns(qr, version);
	fill_data(qr, version, text, len);
	fill_check(qr, version);
	place_all(qr, version);
	return true;
}
