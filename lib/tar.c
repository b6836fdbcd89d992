#include "lib/tar.h"
#include "lib/errno.h"
#include "lib/string.h"

#define BLOCK 512

/* POSIX.1-1988, 10.1.1: one block of text fields before each file's data. */
struct header {
	char name[100];
	char mode[8], uid[8], gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char linkname[100];
	char magic[6], version[2];
	char uname[32], gname[32];
	char devmajor[8], devminor[8];
	char prefix[155];
	char pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

/* A walk over the archive; `at` is where the next header lies. */
struct walk {
	const u8 *archive;
	u32 size, at;
};

/* Octal digits, perhaps after blanks, up to a blank, a NUL or the field's end. */
static int parse_octal(const char *field, u32 len, u32 *out)
{
	u32 i = 0, n = 0;

	while (i < len && field[i] == ' ')
		i++;
	if (i == len)
		return -EBADMSG;
	for (; i < len && field[i] && field[i] != ' '; i++) {
		if (field[i] < '0' || field[i] > '7' || n > UINT32_MAX >> 3)
			return -EBADMSG;
		n = n << 3 | (u32)(field[i] - '0');
	}
	*out = n;
	return 0;
}

/* The sum of all bytes, those of the checksum itself taken as blanks. */
static u32 header_sum(const struct header *h)
{
	const u8 *byte = (const u8 *)h;
	u32 sum = 0;

	for (u32 i = 0; i < BLOCK; i++)
		sum += byte[i];
	for (u32 i = 0; i < sizeof(h->checksum); i++)
		sum += ' ' - (u8)h->checksum[i];
	return sum;
}

/* What GNU tar writes without --format=ustar: other fields lie where the prefix is. */
static bool is_gnu(const struct header *h) { return !memcmp(h->magic, "ustar  ", 8); }

static bool header_is_valid(const struct header *h)
{
	u32 sum;

	return (!memcmp(h->magic, "ustar", sizeof(h->magic)) || is_gnu(h)) &&
	       !parse_octal(h->checksum, sizeof(h->checksum), &sum) &&
	       sum == header_sum(h);
}

static bool block_is_zero(const u8 *block)
{
	for (u32 i = 0; i < BLOCK; i++)
		if (block[i])
			return false;
	return true;
}

/* The full name is "prefix/name", or "name" without a prefix. */
static int header_name(const struct header *h, char out[101])
{
	u32 prefix_len = is_gnu(h) ? 0 : (u32)strnlen(h->prefix, sizeof(h->prefix));
	u32 name_len = (u32)strnlen(h->name, sizeof(h->name));
	u32 n = 0, skip;

	if (prefix_len) {
		if (prefix_len + 1 + name_len > 100)
			return -EBADMSG;
		memcpy(out, h->prefix, prefix_len);
		out[prefix_len] = '/';
		n = prefix_len + 1;
	}
	memcpy(out + n, h->name, name_len);
	n += name_len;
	out[n] = '\0';

	skip = starts_with(out, "./") ? 2 : 0;
	memmove(out, out + skip, n - skip + 1);
	return n > skip ? 0 : -EBADMSG;
}

static bool type_is_regular(char type) { return type == '0' || type == '\0' || type == '7'; }

/* Links, devices, directories and pipes have no data, whatever their size says. */
static bool type_has_data(char type)    { return type < '1' || type > '6'; }

/* Reads one entry and steps over it. 1: *out is a regular file; 0: it is
 * something else; -ENOENT: the archive ends here; -EBADMSG: at w->at. */
static int walk_entry(struct walk *w, struct tar_file *out)
{
	const struct header *h = (const struct header *)(w->archive + w->at);
	u32 left = w->size - w->at, padded, size;

	/* Without its end marker the archive was cut. */
	if (left < BLOCK)
		return -EBADMSG;
	if (block_is_zero(w->archive + w->at))
		return -ENOENT;
	if (!header_is_valid(h) || parse_octal(h->size, sizeof(h->size), &size))
		return -EBADMSG;
	if (!type_has_data(h->type))
		size = 0;
	left -= BLOCK;
	if (size > left)
		return -EBADMSG;
	/* Cannot wrap: size is at least a block below 2^32. */
	padded = ALIGN_UP(size, BLOCK);
	if (padded > left)
		return -EBADMSG;
	if (type_is_regular(h->type)) {
		if (header_name(h, out->name))
			return -EBADMSG;
		out->data = w->archive + w->at + BLOCK;
		out->size = size;
	}
	w->at += BLOCK + padded;
	return type_is_regular(h->type);
}

/* The next regular file: 0, -ENOENT at the end, -EBADMSG. */
static int walk_file(struct walk *w, struct tar_file *out)
{
	int result;

	while ((result = walk_entry(w, out)) == 0)
		;
	return result < 0 ? result : 0;
}

int tar_check(const void *archive, u32 size, u32 *bad_at)
{
	struct walk w = { archive, size, 0 };
	struct tar_file file;
	int n = 0, err;

	while (!(err = walk_file(&w, &file)))
		n++;
	if (err == -ENOENT)
		return n;
	*bad_at = w.at;
	return err;
}

int tar_next(const void *archive, u32 size, u32 *at, struct tar_file *out)
{
	struct walk w = { archive, size, *at };
	int err = walk_file(&w, out);

	*at = w.at;
	return err;
}

int tar_nth(const void *archive, u32 size, u32 index, struct tar_file *out)
{
	struct walk w = { archive, size, 0 };
	int err;

	do
		err = walk_file(&w, out);
	while (!err && index--);
	return err;
}

int tar_find(const void *archive, u32 size, const char *name, struct tar_file *out)
{
	struct walk w = { archive, size, 0 };
	int err;

	do
		err = walk_file(&w, out);
	while (!err && !streq(out->name, name));
	return err;
}
