/* A reader for ustar archives that lie in memory (POSIX.1-1988 ustar). */
#pragma once
#include "lib/types.h"

struct tar_file {
	char        name[101];	/* as in the archive, without a leading "./" */
	const void *data;
	u32         size;	/* bytes */
};

/* Checks headers, checksums and bounds of the whole archive. Returns the
 * number of regular files or -EBADMSG, with the place in *bad_at (bytes). */
int tar_check(const void *archive, u32 size, u32 *bad_at) must_use;
/* The next regular file from *at on (0: the first), which moves behind it.
 * Returns 0, -ENOENT, -EBADMSG. */
int tar_next(const void *archive, u32 size, u32 *at, struct tar_file *out) must_use;
/* Regular file number `index` (from 0). Returns 0, -ENOENT, -EBADMSG. */
int tar_nth(const void *archive, u32 size, u32 index, struct tar_file *out) must_use;
int tar_find(const void *archive, u32 size, const char *name, struct tar_file *out) must_use;
