/* What the kernel tells of itself (SYS_INFO). */
#pragma once
#include "user/lib/syscall.h"

/* Entry `index` into `out`; 0, -ENOENT: beyond the last. For INFO_BOOT_OPTION,
 * INFO_COMPLETION and INFO_PROGRAM `out` holds a name first. */
static inline int info(enum info what, u32 index, void *out, u32 size)
{
	struct info_args args = { index, address(out), size };

	return syscall(SYS_INFO, HANDLE_KERNEL, what, address(&args), 0);
}
