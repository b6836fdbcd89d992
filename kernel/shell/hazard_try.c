/* An unload with a task held inside: can it complete all the same? It gets its time, whatever
 * the host has for it. */
#include "sched/grace.h"
#include "shell/hazard.h"
#include "x86/atomic.h"
#include "x86/clock.h"

/* How often it has looked for insiders by now. */
static u32 looks(const struct actor *a)
{
	return a->unload ? READ_ONCE(a->unload->report.tries) : 0;
}

/* How often the running task has given up each CPU since some moment. On a host that has
 * little time for some CPU, milliseconds say nothing; an unload that depends on no one inside
 * needs each CPU a few times, and so does this. A task that keeps preemption off delays it. */
#define ENOUGH_PASSES 4u

struct passes {
	struct grace_callback cb;
	u32 n;
	bool over;
};

static void count_pass(struct grace_callback *cb)
{
	struct passes *p = container_of(cb, struct passes, cb);

	WRITE_ONCE(p->n, p->n + 1);
	if (p->n < ENOUGH_PASSES && !READ_ONCE(p->over))
		grace_defer(cb, count_pass);
}

/* Twice: the first time it may be at the point of deferring itself. */
static void end_passes(struct passes *p)
{
	WRITE_ONCE(p->over, true);
	grace_cancel_sync(&p->cb);
	grace_cancel_sync(&p->cb);
}

/* Who was sent home by the first look has to get there, on a host that may have little time for
 * its CPU: ten looks are at least 40 ms of pauses. */
static void wait_or_see(struct actor *a, u64 all, const struct passes *p)
{
	u64 end = from_now(all), enough = from_now(all / 4), limit = from_now(4 * all);
	u32 before = looks(a);

	while (!actor_wait(a, from_now(NSEC_PER_MSEC))) {
		if (looks(a) - before > 10 && clock_passed(enough))
			return;
		if (clock_passed(limit) || (clock_passed(end) && READ_ONCE(p->n) == ENOUGH_PASSES))
			return;
	}
}

void let_it_try(struct actor *a, u64 all)
{
	struct passes p = { .cb = GRACE_CALLBACK(p.cb) };

	grace_defer(&p.cb, count_pass);
	wait_or_see(a, all, &p);
	end_passes(&p);
}
