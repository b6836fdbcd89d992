/* churn_top: depends on churn_mid, which depends on churn_lib. */
#include "modules/churn/body.h"

void churn_mid_step(void);

static struct thread *caller;

static void call_mid(void *arg)
{
	(void)arg;
	while (!kthread_should_stop() && !sleep_interruptible_ns(short_time()))
		churn_mid_step();
}

static int __init churn_top_init(void)
{
	int err = churn_init();

	if (err)
		return err;
	caller = kthread_run(call_mid, NULL, "churn_top");
	return IS_ERR(caller) ? PTR_ERR(caller) : 0;
}
module_init(churn_top_init);
MODULE_DEPENDS("churn_mid");
MODULE_DESCRIPTION("For torture -i: calls all of the interface at random, and depends on others.");
