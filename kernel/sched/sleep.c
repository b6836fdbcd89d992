/* Sleeping for a while. */
#include "sched/rq.h"
#include "lib/errno.h"
#include "x86/clock.h"

noinline void sleep_ns(u64 ns)
{
	u32 caller = (u32)__builtin_return_address(0);
	u64 deadline = clock_ns() + ns;

	/* A kill wakes it, but does not shorten its sleep. */
	while (!sleep_once(NULL, deadline, HEEDS_GATE, caller))
		;
}

noinline int sleep_interruptible_ns(u64 ns)
{
	u32 caller = (u32)__builtin_return_address(0);
	u64 deadline = clock_ns() + ns;
	int err;

	do
		err = sleep_once(NULL, deadline, HEEDS_SIGNS | HEEDS_GATE, caller);
	while (!err);
	return err == -ETIMEDOUT ? 0 : err;
}
