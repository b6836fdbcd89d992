#include "user/uaccess.h"
#include "lib/abi.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "user/entry.h"
#include "user/inside.h"
#include "user/space.h"

bool cpu_has_smap;			/* fixed after user_init(); entry.asm */

int copy_from_user(void *to, u32 from, u32 len)
{
	return user_range(from, len) && !copy_user(to, (const void *)from, len) ? 0 : -EFAULT;
}

int copy_to_user(u32 to, const void *from, u32 len)
{
	return user_range(to, len) && !copy_user((void *)to, from, len) ? 0 : -EFAULT;
}

int copy_text_from_user(char *to, u32 size, u32 from, u32 len)
{
	if (len >= size)
		return -ENAMETOOLONG;
	to[len] = '\0';
	return copy_from_user(to, from, len);
}

void *image_from_user(u32 from, u32 len)
{
	void *copy;

	if (!len || len > IMAGE_MAX)
		return ERR_PTR(len ? -E2BIG : -EINVAL);
	if (!user_range(from, len))
		return ERR_PTR(-EFAULT);
	/* No more of the kernel's memory than ring 3 could have for itself. */
	if (frame_available() < frames_for_the_kernel() + 2 * len / PAGE_SIZE + 1)
		return ERR_PTR(-ENOMEM);
	copy = kmalloc(len);
	if (!copy)
		return ERR_PTR(-ENOMEM);
	if (!copy_from_user(copy, from, len))
		return copy;
	kfree(copy);
	return ERR_PTR(-EFAULT);
}

int text_to_user(u32 to, u32 size, const char *text)
{
	u32 len = strlen(text);
	int err;

	if (!size)
		return 0;
	len = MIN(len, size - 1);
	err = copy_to_user(to, text, len);
	return err ? err : copy_to_user(to + len, "", 1);
}

int copy_ascii_from_user(char *to, u32 size, u32 from, u32 len)
{
	int err = copy_text_from_user(to, size, from, len);

	for (u32 i = 0; !err && i < len; i++) {
		if ((u8)to[i] >= 0x80)
			err = -EINVAL;
	}
	return err;
}

/* A page on each side, as inspection_init() has it. */
bool looks_like_module(u32 number)
{
	return number - (MODULE_BASE - PAGE_SIZE) < MODULE_SIZE + 2 * PAGE_SIZE;
}
