/* Says on the console what tasks wait for, where a wait takes long: a lost wake-up is seen at once, and
 * with its place, not when the patience of a test is over. */
#pragma once
#include "sched/ktimer.h"
#include "sched/task.h"

/* "who: task 12 (mover/1) is blocked for 3.1 s: for 'modules', at claim+0x1c < module_unload+0x60 < ...". Any
 * context but NMI; prints. `since`: clock_ns() of the last thing that it is known to have done. */
void say_what_waits(const char *who, struct task *t, u64 since);
/* Waits until it has exited. After 2 s, and each time that it has taken twice as long, it says what `t` and all
 * tasks that are younger wait for. May sleep. */
void join_aloud(const char *who, struct task *t);

/* While one is begun and not ended, it says every few seconds what the task that began it, and each
 * task that is younger than this, waits for. */
struct wait_watch {
	/* Fixed. */
	struct ktimer timer;
	const char *who;
	struct task *task;
	u64 newest;			/* `born` of the youngest task at the beginning */
	u64 since;
	/* The timer's function only. */
	u64 pause;
};
void wait_watch_begin(struct wait_watch *w, const char *who);
void wait_watch_end(struct wait_watch *w);
