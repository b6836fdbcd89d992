/* A beginner's mistake: a timer's function, which runs in an interrupt, takes a lock that a task may
 * hold on the same CPU. */
#include "module/api.h"

static struct spinlock lock = SPINLOCK("ticks", RANK_DEVICE);
static u32 ticks;

static void tick(void *arg)
{
	(void)arg;
	spin_lock(&lock);			/* mistake */
	ticks++;
	spin_unlock(&lock);
}

static int __init m_lock_in_interrupt_init(void)
{
	struct timer *t = timer_create("ticks", tick, NULL);

	if (IS_ERR(t))
		return PTR_ERR(t);
	return timer_arm(t, NSEC_PER_MSEC);
}
module_init(m_lock_in_interrupt_init);
MODULE_DESCRIPTION("Shares a plain spin lock with an interrupt.");
