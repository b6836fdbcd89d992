/* Memory of ring 3, as seen by its own thread in a system call. */
#pragma once
#include "lib/types.h"
#include "x86/layout.h"

/* Nothing is ever mapped for ring 3 below the first page or from here up: a wild null
 * pointer faults, and a string that runs off the end faults before the kernel's part. */
#define USER_START PAGE_SIZE
#define USER_END   (KERNEL_BASE - PAGE_SIZE)

/* Does [address, address + len) lie where ring 3 may have memory? Nothing does. */
static inline bool user_range(u32 address, u32 len)
{
	return !len || (address >= USER_START && address <= USER_END && len <= USER_END - address);
}

/* 0 or -EFAULT; then part of it may have been copied. Task context, in a thread of a
 * process; no spin lock held. */
int copy_from_user(void *to, u32 from, u32 len) must_use;
int copy_to_user(u32 to, const void *from, u32 len) must_use;
/* `len` bytes of text and a NUL, at most `size` with it: 0, -EFAULT, -ENAMETOOLONG. */
int copy_text_from_user(char *to, u32 size, u32 from, u32 len) must_use;
/* A copy of `len` bytes (IMAGE_MAX at most) on the heap, to be kfree()d: what is checked there stays as it
 * was when it was checked. -EFAULT, -E2BIG, -EINVAL (nothing), -ENOMEM as ERR_PTR. May sleep. */
void *image_from_user(u32 from, u32 len) must_use;
/* As much of `text` as there is room for, terminated: 0, -EFAULT. No room at all: 0. */
int text_to_user(u32 to, u32 size, const char *text) must_use;
/* The same of text that goes where modules are entered (inside.h): -EINVAL if not all of it is
 * ASCII. */
int copy_ascii_from_user(char *to, u32 size, u32 from, u32 len) must_use;
