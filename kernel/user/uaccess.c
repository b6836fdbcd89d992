#include "user/uaccess.h"
#include "lib/errno.h"
#include "user/entry.h"

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
