/* A beginner's mistake: an index that came from outside. */
#include "module/api.h"

static const char *const colour[] = { "red", "yellow", "green" };
static u32 lamp = 3;
module_param(lamp, uint);

static int __init m_index_init(void)
{
	printk("%s\n", colour[lamp]);		/* mistake */
	return 0;
}
module_init(m_index_init);
MODULE_DESCRIPTION("Reads an array behind its end.");
