/* Who gets the range in hazard D2. */
#define ME 2
#include "modules/hazards/range.h"

static int __init range_init(void)
{
	return offer("h_d02_again", &ops);
}
module_init(range_init);

static void __exit range_exit(void)
{
	withdraw();
}
module_exit(range_exit);

MODULE_DESCRIPTION("Hazard D2: the range when it was reused");
MODULE_LICENSE("MIT");
