/* churn_mid: the same, and another module depends on it. */
#include "modules/churn/body.h"

/* What churn_top calls. May sleep. */
void churn_mid_step(void);
void churn_mid_step(void)
{
	some_step();
}
EXPORT_SYMBOL(churn_mid_step);
module_init(churn_init);
MODULE_DESCRIPTION("For torture -i: calls all of the interface at random, and has a dependent.");
