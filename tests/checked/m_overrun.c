/* A beginner's mistake: one element more than there are. */
#include "module/api.h"

static int __init m_overrun_init(void)
{
	u32 *square = kmalloc(5 * sizeof(*square));

	if (!square)
		return -ENOMEM;
	for (u32 i = 0; i <= 5; i++)
		square[i] = i * i;		/* mistake */
	kfree(square);
	return 0;
}
module_init(m_overrun_init);
MODULE_DESCRIPTION("Writes past the end of a block.");
