#include "user/uaccess.h"
#include "lib/errno.h"
#include "user/entry.h"
#include "user/inside.h"

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
