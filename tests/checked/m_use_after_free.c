/* A beginner's mistake: uses a block after kfree(). */
#include "module/api.h"

struct blinker { u32 period, count; };

static int __init m_use_after_free_init(void)
{
	struct blinker *b = kmalloc(sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->period = 100;
	kfree(b);
	b->count++;				/* mistake */
	return 0;
}
module_init(m_use_after_free_init);
MODULE_DESCRIPTION("Uses a block after it was freed.");
