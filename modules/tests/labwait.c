/* labwait: a library whose function waits, for the tests. */
#include "module/api.h"

int labwait_for_ever(void);

static struct wait_queue never = WAIT_QUEUE(never, "labwait");

/* Until told to leave; passes on why. */
int labwait_for_ever(void)
{
	return wait_event(&never, false);
}
EXPORT_SYMBOL(labwait_for_ever);

static int __init labwait_init(void) { return 0; }
module_init(labwait_init);

MODULE_DESCRIPTION("Tests: waits for who calls it");
MODULE_LICENSE("MIT");
