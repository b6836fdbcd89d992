/* borrower: a user of lender that ends nothing. Its own timer runs a function of the core. */
#include "module/api.h"
#include "modules/tests/lender.h"

static struct loan loan;
static struct wait_queue queue = WAIT_QUEUE(queue, "borrower");

/* A function of the core with an object of this module. */
static int __init wake_later(void)
{
	struct timer *t = timer_create("wake", (void (*)(void *))wake_all, &queue);

	return IS_ERR(t) ? PTR_ERR(t) : timer_arm(t, 200 * NSEC_PER_MSEC);
}

static int __init borrower_init(void)
{
	int err = wake_later();

	return err ? err : lend(&loan);
}

module_init(borrower_init);
MODULE_DEPENDS("lender");
MODULE_DESCRIPTION("A module whose objects a library and the core work on.");
MODULE_LICENSE("MIT");
