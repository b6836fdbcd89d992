/* Sleeping for a while. */
#include "sched/rq.h"
#include "sched/way_out.h"
#include "lib/errno.h"
#include "x86/clock.h"
#include "x86/panic.h"

noinline void sleep_ns(u64 ns)
{
	u32 caller = (u32)__builtin_return_address(0);
	u64 deadline = clock_ns() + ns;

	/* A kill wakes it, but does not shorten its sleep. */
	while (!sleep_once(NULL, deadline, HEEDS_GATE, caller))
		;
	way_out_take_at(caller);
}

noinline int sleep_interruptible_ns(u64 ns)
{
	u32 caller = (u32)__builtin_return_address(0);
	u64 deadline = clock_ns() + ns;
	int err;

	do
		err = sleep_once(NULL, deadline, HEEDS_SIGNS | HEEDS_GATE, caller);
	while (!err);
	way_out_take_at(caller);
	return err == -ETIMEDOUT ? 0 : err;
}

cpumask_t smp_fence_until(u64 deadline)
{
	ASSERT(may_sleep());
	cpumask_t late = smp_fence(cpus_online, NSEC_PER_MSEC);
	while (late && !clock_passed(deadline)) {
		sleep_ns(NSEC_PER_MSEC);
		late = smp_fence(late, NSEC_PER_MSEC);
	}
	return late;
}

cpumask_t smp_call_until(cpumask_t mask, smp_fn fn, void *arg, u64 deadline)
{
	ASSERT(may_sleep());
	mask = smp_call(mask, fn, arg, NSEC_PER_MSEC);
	while (mask && !clock_passed(deadline)) {
		sleep_ns(NSEC_PER_MSEC);
		mask = smp_call(mask, fn, arg, NSEC_PER_MSEC);
	}
	return mask;
}
