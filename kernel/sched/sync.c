#include "sched/sync.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/rq.h"
#include "smp/ipi.h"
#include "x86/atomic.h"
#include "x86/clock.h"

struct point {
	struct sync_info info;
	bool armed;
	struct sync_how how;
	u32 round;			/* rises with each release: those held before go on */
};

/* Its lock protects all below. Both who is held and who waits for somebody to be
 * held sleep here. */
static struct wait_queue news = WAIT_QUEUE(news, "sync point");
static struct point points[SYNC_MAX];
u32 sync_armed;

static u32 lock(void)            { return spin_lock_irqsave(&news.lock); }
static void unlock(u32 flags)    { spin_unlock_irqrestore(&news.lock, flags); }

/* Caller holds the lock. */
static struct point *find_armed(const char *name)
{
	for (u32 i = 0; i < SYNC_MAX; i++) {
		if (points[i].armed && streq(points[i].info.name, name))
			return &points[i];
	}
	return NULL;
}

/* -- who passes ----------------------------------------------------------------------- */

/* Interrupts off and no lock held: then nobody else answers for this CPU. With
 * preemption off a lock may be held, and what is served might want it. */
static void serve_while_spinning(void)
{
	if (!irqs_enabled() && !this_cpu_read(preempt_count))
		ipi_serve();
	cpu_relax();
}

static void stay(const struct point *p, u32 round)
{
	u64 end = clock_ns() + p->how.for_ns;

	if (!p->how.spins && !p->how.for_ns && may_sleep() && current != this_cpu()->idle)
		(void)wait_event_core(&news, READ_ONCE(p->round) != round, WAIT_FOREVER);
	else
		while (READ_ONCE(p->round) == round && !(p->how.for_ns && clock_passed(end)))
			serve_while_spinning();
}

static noinline void hit(const char *name, u32 task_id)
{
	u32 flags = lock(), round = 0;
	struct point *p = find_armed(name);
	bool held = p && p->info.hits_left && (!p->how.only || p->how.only == (task_id ? task_id : current->id));

	if (held) {
		round = p->round;
		p->info.hits_left--;
		p->info.held++;
	} else if (p) {
		p->info.passed++;
	}
	unlock(flags);
	if (!held)
		return;
	wake_all(&news);
	stay(p, round);
	flags = lock();
	p->info.held--;
	unlock(flags);
}

/* The name may be a module's: no frame that is built upon this one may show it later. */
noinline void sync_point_hit(const char *name, u32 task_id)
{
	hit(name, task_id);
	wipe_dead_stack();
}

/* -- who holds -------------------------------------------------------------------------- */

/* A point whose passers-by have not all gone on yet is not given a new name. */
static struct point *find_free(void)
{
	for (u32 i = 0; i < SYNC_MAX; i++) {
		if (!points[i].armed && !points[i].info.held)
			return &points[i];
	}
	return NULL;
}

/* Caller holds the lock. */
static int arm(const char *name, u32 hits, struct sync_how how)
{
	struct point *p = find_free();

	if (find_armed(name))
		return -EEXIST;
	if (!p)
		return -ENOSPC;
	p->info = (struct sync_info){ .hits_left = hits };
	strlcpy(p->info.name, name, sizeof(p->info.name));
	p->how = how;
	p->armed = true;
	WRITE_ONCE(sync_armed, sync_armed + 1);
	return 0;
}

int sync_hold_how(const char *name, u32 hits, struct sync_how how)
{
	u32 flags;
	int err;

	if (strlen(name) >= SYNC_NAME_LEN)
		return -ENAMETOOLONG;
	flags = lock();
	err = arm(name, hits, how);
	unlock(flags);
	return err;
}

int sync_hold(const char *name, u32 hits)
{
	return sync_hold_how(name, hits, (struct sync_how){ 0 });
}

/* 1: somebody is held there; 0: nobody; -ENOENT: it is not armed. */
static int anybody_held(const char *name)
{
	u32 flags = lock();
	struct point *p = find_armed(name);
	int held = p ? p->info.held != 0 : -ENOENT;

	unlock(flags);
	return held;
}

int sync_wait_held(const char *name, u64 deadline)
{
	int held, err;

	err = wait_event_core(&news, (held = anybody_held(name)) != 0, deadline);
	return err ? err : MIN(held, 0);
}

/* Caller holds the lock. */
static void disarm(struct point *p)
{
	p->armed = false;
	p->round++;
	WRITE_ONCE(sync_armed, sync_armed - 1);
}

void sync_release(const char *name)
{
	u32 flags = lock();
	struct point *p = find_armed(name);

	if (p)
		disarm(p);
	unlock(flags);
	wake_all(&news);
}

void sync_reset(void)
{
	u32 flags = lock();

	for (u32 i = 0; i < SYNC_MAX; i++) {
		if (points[i].armed)
			disarm(&points[i]);
	}
	unlock(flags);
	wake_all(&news);
}

bool sync_nth(u32 i, struct sync_info *out)
{
	u32 flags = lock();
	bool found = false;

	for (u32 k = 0; k < SYNC_MAX && !found; k++) {
		found = points[k].armed && i-- == 0;
		if (found)
			*out = points[k].info;
	}
	unlock(flags);
	return found;
}
