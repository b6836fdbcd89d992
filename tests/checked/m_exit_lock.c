/* An exit that returns with a lock held, taken with interrupts off. */
#include "module/api.h"

static struct spinlock mine = SPINLOCK_IRQ("mine", RANK_DEVICE);

static int __init m_exit_lock_init(void)
{
	return 0;
}
module_init(m_exit_lock_init);

static void __exit m_exit_lock_exit(void)
{
	(void)spin_lock_irqsave(&mine); /* mistake */
}
module_exit(m_exit_lock_exit);
