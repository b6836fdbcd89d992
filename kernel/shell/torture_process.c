/* Processes under torture: each uses devices of modules from two threads, and ends: by itself with files
 * open or closed, or because it is ended in the middle of a call (user/tests/visitor.c). */
#include "lib/format.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "shell/commands.h"
#include "shell/torture.h"
#include "user/process.h"
#include "x86/clock.h"

static void start_and_end_one(struct torturer *me)
{
	char args[32];
	const char *why;

	snprintf(args, sizeof(args), "visitor %u", prng_next(&me->rng));
	struct process *p = start_program("visitor", args, PRIO_NORMAL, &why);
	if (IS_ERR(p)) {
		sleep_interruptible_ns(NSEC_PER_MSEC);	/* no memory, or another archive */
		return;
	}
	/* Most have ended by then, others are in the middle of a call, in one that waits for a key, say. */
	sleep_interruptible_ns(prng_below(&me->rng, 6000) * NSEC_PER_USEC);
	(void)process_end(p, -EINTR);
	process_wait(p);
	object_put(&p->object);
	me->counts.processes++;
}

void torture_starter(void *arg)
{
	struct torturer *me = arg;

	while (!READ_ONCE(me->all->stop)) {
		torture_step(me);
		start_and_end_one(me);
		sleep_interruptible_ns(prng_below(&me->rng, 20000) * NSEC_PER_USEC);
	}
}
