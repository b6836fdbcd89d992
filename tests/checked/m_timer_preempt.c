/* A timer that disables preemption, and returns. */
#include "module/api.h"

static void tick(void *arg)
{
	(void)arg;
	preempt_disable(); /* mistake */
}

static int __init m_timer_preempt_init(void)
{
	struct timer *t = timer_create("preempt", tick, NULL);

	return IS_ERR(t) ? PTR_ERR(t) : timer_arm(t, NSEC_PER_MSEC);
}
module_init(m_timer_preempt_init);
