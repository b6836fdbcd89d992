/* churn_user: torture -i loads it as churn_0 to churn_3. */
#include "modules/churn/body.h"

module_init(churn_init);
MODULE_DESCRIPTION("For torture -i: calls all of the interface at random.");
