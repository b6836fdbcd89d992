// sources: lib/tar.c
// The boot archive's reader on any bytes. The first byte says whether checksums are
// made right first, or nothing behind them would ever be reached.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BLOCK 512

static void make_checksum(u8 *header)
{
	u32 sum = 8 * ' ';

	for (int i = 0; i < BLOCK; i++)
		sum += i >= 148 && i < 156 ? 0 : header[i];
	for (int i = 5; i >= 0; i--, sum /= 8)
		header[148 + i] = (u8)('0' + sum % 8);
	header[154] = '\0';
	header[155] = ' ';
}

static void read_all(const u8 *archive, u32 size)
{
	struct tar_file f;
	u32 bad_at = 0;
	int n = tar_check(archive, size, &bad_at);

	if (n < 0 && bad_at > size)
		abort();
	for (u32 i = 0; i < 64 && tar_nth(archive, size, i, &f) == 0; i++) {
		const u8 *end = (const u8 *)f.data + f.size;

		if ((const u8 *)f.data < archive || end > archive + size)
			abort();
		if (memchr(f.name, '\0', sizeof(f.name)) == NULL)
			abort();
		if (tar_find(archive, size, f.name, &f) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u8 *archive;

	if (size < 1 || size > 1u << 20)
		return 0;
	archive = malloc(size);			/* one more than is read: not empty */
	memcpy(archive, data + 1, size - 1);
	for (size_t at = 0; data[0] % 2 && at + BLOCK <= size - 1; at += BLOCK)
		if (memcmp(archive + at + 257, "ustar", 5) == 0)
			make_checksum(archive + at);
	archive = realloc(archive, size - 1 ? size - 1 : 1);
	read_all(archive, (u32)(size - 1));
	free(archive);
	return 0;
}
