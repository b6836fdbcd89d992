/* A beginner's mistake: a function that locks calls another that locks. */
#include "module/api.h"

static struct spinlock lock = SPINLOCK("counter", RANK_DEVICE);
static u32 count;

static noinline void add_one(void)
{
	spin_lock(&lock);			/* mistake */
	count++;
	spin_unlock(&lock);
}

static int __init m_lock_twice_init(void)
{
	spin_lock(&lock);
	add_one();
	spin_unlock(&lock);
	return 0;
}
module_init(m_lock_twice_init);
MODULE_DESCRIPTION("Takes a spin lock that it has.");
