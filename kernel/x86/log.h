/* The last 64 KiB of what printk said. The caller holds the console's lock. */
#pragma once
#include "lib/types.h"

void log_append(const char *text, u32 len);
/* Copies from absolute position *pos on and advances it. A position that is
 * no longer (or not yet) in the log moves to the oldest character kept. */
u32  log_copy(u32 *pos, char *buf, u32 len);
