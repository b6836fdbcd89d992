#include "user/lib/malloc.h"
#include "user/lib/syscall.h"

void *pages_alloc(u32 pages)
{
	int memory = syscall(SYS_MEMORY, 0, pages, 0, 0);

	if (memory < 0)
		return NULL;
	struct map_args map = { .memory = (u32)memory, .pages = pages, .rights = RIGHT_READ | RIGHT_WRITE };
	int at = syscall(SYS_MAP, 0, address(&map), 0, 0);
	(void)syscall(SYS_CLOSE, (u32)memory, 0, 0, 0);	/* it lives as long as it is mapped */
	return IS_ERR((void *)at) ? NULL : (void *)at;
}
