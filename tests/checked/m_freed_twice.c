/* A beginner's mistake: both the error path and the caller free. */
#include "module/api.h"

static int __init m_freed_twice_init(void)
{
	char *name = kmalloc(12);

	if (!name)
		return -ENOMEM;
	strlcpy(name, "thermometer", 12);
	kfree(name);
	kfree(name);				/* mistake */
	return 0;
}
module_init(m_freed_twice_init);
MODULE_DESCRIPTION("Frees a block twice.");
