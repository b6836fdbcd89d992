#include "user/shell/transfer.h"
#include "lib/errno.h"
#include "lib/string.h"

u32 transfer_crc(u32 crc, const void *data, u32 len)
{
	const u8 *p = data;

	for (crc = ~crc; len--; p++) {
		crc ^= *p;
		for (u32 bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* 0 to 63; -EINVAL. */
static int digit64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -EINVAL;
}

/* Four characters into up to three bytes: how many; -EINVAL. */
static int decode_group(const char *in, u8 *out)
{
	u32 n = in[3] != '=' ? 3 : in[2] != '=' ? 2 : 1, bits = 0;

	for (u32 i = 0; i < 4; i++) {
		int digit = i <= n ? digit64(in[i]) : in[i] == '=' ? 0 : -EINVAL;

		if (digit < 0)
			return digit;
		bits = bits << 6 | (u32)digit;
	}
	for (u32 i = 0; i < n; i++)
		out[i] = (u8)(bits >> (16 - 8 * i));
	return (int)n;
}

static int decode(const char *in, u32 len, u8 *out)
{
	int n = 0;

	if (!len || len % 4 || len / 4 * 3 > TRANSFER_BYTES)
		return -EINVAL;
	for (u32 i = 0; i < len; i += 4) {
		int got = decode_group(in + i, out + n);

		if (got < 0 || (got < 3 && i + 4 < len))
			return -EINVAL;
		n += got;
	}
	return n;
}

static int parse_crc(const char *s, u32 *out)
{
	u32 value = 0, n = 0;

	for (; s[n]; n++) {
		bool letter = s[n] >= 'a' && s[n] <= 'f';

		if (n == 8 || !(letter || (s[n] >= '0' && s[n] <= '9')))
			return -EINVAL;
		value = value << 4 | (u32)(letter ? s[n] - 'a' + 10 : s[n] - '0');
	}
	*out = value;
	return n == 8 ? 0 : -EINVAL;
}

int transfer_line(const char *line, u8 *out, u32 *crc)
{
	const char *blank = strchr(line, ' ');
	u32 said;
	int n = blank ? decode(line, (u32)(blank - line), out) : -EINVAL;

	if (n < 0 || parse_crc(blank + 1, &said))
		return -EINVAL;
	if (transfer_crc(*crc, out, (u32)n) != said)
		return -EBADMSG;
	*crc = said;
	return n;
}
