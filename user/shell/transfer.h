/* A file that comes over the console (tools/send), as lines:
 *
 *     base64 of up to TRANSFER_BYTES bytes (RFC 4648, section 4), a blank,
 *     the CRC-32 of all bytes of the file up to the end of this line, in 8 hex digits
 *
 * So a line that is missing, doubled, or not what was sent is noticed where it is. "." ends the file,
 * "!" gives it up. */
#pragma once
#include "lib/types.h"

#define TRANSFER_BYTES 57u		/* of a line: 76 characters, as in mail (RFC 2045) */
#define TRANSFER_LINE  (TRANSFER_BYTES / 3 * 4 + 1 + 8)

/* CRC-32 as of ITU-T V.42 and zlib; `crc` is that of what came before, 0 at the beginning. */
u32 transfer_crc(u32 crc, const void *data, u32 len);
/* The bytes of a line into out[TRANSFER_BYTES], and *crc moved on. How many: 1 or more; -EINVAL: it is no such
 * line; -EBADMSG: its check sum is another one. */
int transfer_line(const char *line, u8 *out, u32 *crc) must_use;
