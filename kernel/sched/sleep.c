/* Sleeping for a time. */
#include "lib/errno.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "x86/clock.h"
#include "x86/trap.h"

/* Nobody wakes it. */
static struct wait_queue nowhere = WAIT_QUEUE(nowhere, "sleep");

static int sleep_for(u64 ns, u32 caller)
{
	struct waiter w;

	wait_prepare(&nowhere, &w);
	int err = wait_sleep_for(&w, clock_ns() + ns, caller);
	wait_finish(&w);
	return err == -ETIMEDOUT ? 0 : err;
}

noinline void sleep_ns(u64 ns)
{
	(void)sleep_for(ns, (u32)__builtin_return_address(0));
}

noinline int sleep_interruptible_ns(u64 ns)
{
	return sleep_for(ns, (u32)__builtin_return_address(0));
}
