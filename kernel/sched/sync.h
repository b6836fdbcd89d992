/* Sync points: named places where a scenario can hold whoever comes by until
 * it says go. They make a race that would happen once a year happen every time. */
#pragma once
#include "lib/types.h"
#include "smp/races.h"

#define SYNC_NAME_LEN 32
#define SYNC_MAX      16	/* armed at the same time */

/* Number of armed points; sync_point() costs one load and one branch while 0. */
extern u32 sync_armed;
void sync_point_hit(const char *name, u32 task_id);

/* A place. `task_id`: the task that it is about, for sync_how.only. Any context: a task that may sleep
 * sleeps, others spin and serve IPIs. */
static inline void sync_point_about(const char *name, u32 task_id)
{
	if (unlikely(READ_ONCE(sync_armed)))
		sync_point_hit(name, task_id);
}

/* The same, about the caller. */
static inline void sync_point(const char *name)
{
	race_at(RACE_SYNC_POINT);
	if (unlikely(READ_ONCE(sync_armed)))
		sync_point_hit(name, 0);
}
/* Arms `name`: the next `hits` passers-by are held. 0, -ENOSPC (SYNC_MAX are
 * armed), -EEXIST (it is armed), -ENAMETOOLONG. Any context. */
int  sync_hold(const char *name, u32 hits) must_use;
/* The same, for one task only, or so that a task spins there even if it may sleep: then it keeps
 * its CPU, as far as nothing takes that from it, and answers IPIs. So somebody may stand inside a
 * look of an unload (to sleep is to pass schedule()), or alone on its CPU. With `for_ns` a task
 * goes on by itself after that time: no other task needs to run to release it. */
struct sync_how {
	u32 only;			/* id of the task that it is about; 0: any */
	bool spins;
	u64 for_ns;			/* implies `spins`; 0: until it is released */
};
int  sync_hold_how(const char *name, u32 hits, struct sync_how how) must_use;
/* Waits until somebody is held there: 0, -ETIMEDOUT, or -ENOENT when it is not
 * armed. May sleep. */
int  sync_wait_held(const char *name, u64 deadline) must_use;
/* Lets those held go on and disarms. Any context. */
void sync_release(const char *name);
/* Releases everything. */
void sync_reset(void);
/* The i-th armed point for `sync`: false past the end. */
struct sync_info { char name[SYNC_NAME_LEN]; u32 hits_left, held, passed; };
bool sync_nth(u32 i, struct sync_info *out);
