/* Looking for a module on the stacks of tasks. A word that points into the
 * module's image or heap (with a page of margin, for pointers derived from one)
 * means: inside, or about to be.
 *
 * A task is passed in one of two ways only: switched out, its stack read by the
 * inspector; or running, its stack read by itself in an answer to an IPI. The
 * mark is the task's, so it does not matter where the task goes afterwards. */
#pragma once
#include "unload/hold.h"
#include "unload/unload.h"

/* Number of the last one, since the boot (a test lets it begin elsewhere). */
extern u64 last_inspection;

#define MAX_INSIDERS 16
/* What an inspection wants to know of a module. */
#define SEAL_BYTES (sizeof_field(struct owner, generation) + sizeof_field(struct owner, epoch))

struct insider {
	struct task *task;		/* with a reference */
	u32 cpu;
	u32 offset;			/* of the word, into the module's range */
	bool certain;			/* a return address on the frame chain, or the EIP */
	bool in_core;			/* no word at all; yet the module waits for it: inspection_add() */
	u32 ran;			/* cycles that it had run, low half */
};

struct inspection {
	/* Fixed. */
	struct unload *u;
	struct owner *owner;
	u32 start, size;		/* the range, margins included */

	/* Of the attempt under way. */
	u64 number;			/* tasks that passed carry it in task->inspected */
	u32 nr_insiders;		/* all of them; the first MAX_INSIDERS are kept */
	struct insider insider[MAX_INSIDERS];
	u64 epoch;			/* the owner's at its start */
	u32 nr_unseen;			/* running tasks that did not answer */
	cpumask_t silent;
	bool epoch_changed;
	u64 newest;			/* `born` of the last task before it */
	bool looked_ahead;		/* of the hold: look_ahead_end() has something to drop */
	bool ahead;			/* ... and the hold may rely on it: ahead.c */
	struct insider on_cpu[NR_CPUS];	/* what each CPU found on itself; task NULL: nothing */
};

void inspection_init(struct inspection *in, struct unload *u);
/* Starts an attempt: forgets what the last one found. */
void inspection_begin(struct inspection *in);
void inspection_end(struct inspection *in);

/* One at a time: waits for its turn, which is the real start. So the epoch is read
 * then, and the wait does not count against the unload's deadline: when many go at
 * once, all would be void or out of time before they have looked (hazard C13). May
 * sleep. */
void inspection_take_turn(struct inspection *in);
void inspection_end_turn(void);

/* By IPI: each CPU of `cpus` but this one and idle ones reads its own stack. Not in interrupts. */
void inspect_cpus(struct inspection *in, cpumask_t cpus);
/* The stack of a task that is off its CPU, while all run: true when no word of it points into the
 * range. What it says holds while the task does not run. Caller holds tasklist_lock; `t` is not dead. */
bool stack_is_clean(struct inspection *in, const struct task *t) must_use;
/* Reads the stacks of all others, but for what was seen ahead of the hold (ahead.c). If no task is
 * inside and the owner's epoch is unchanged, makes the owner OWNER_GONE and returns true.
 * Preemption off, CPUs held. */
bool inspect_tasks_and_commit(struct inspection *in) must_use;

/* The same while all run on. From watch to unwatch each task that gives its CPU away
 * looks at itself, in schedule(). Takes its turn, and ends it. May sleep. */
void inspection_watch(struct inspection *in);
void inspection_unwatch(struct inspection *in);
/* Reads the stacks of tasks that are switched out, one at a time, each under the
 * lock of its run queue; passes those that have not run since the load. Returns the
 * CPUs whose current task has not passed. `round`: how often all of them have been
 * asked by IPI. May sleep. */
cpumask_t inspect_resting_tasks(struct inspection *in, u32 round);
/* All of that: true when each task was found outside once (census.c). May sleep. */
bool census_look(struct inspection *in) must_use;
/* Have all who were found inside run since? Until then their stacks show what they showed.
 * Task context, after the turn: what it reads may change meanwhile, and then they have. */
bool insiders_have_run(const struct inspection *in) must_use;
/* Adds a task that no look finds, and without which the module does not come to rest, unless it is there or
 * there are MAX_INSIDERS. Takes over the caller's reference. Task context. */
void inspection_add(struct inspection *in, struct task *t);
/* Has somebody been found inside, or not answered? */
bool inspection_is_void(const struct inspection *in);
/* Unless it is void or the epoch has changed: OWNER_GONE, and true. */
bool inspection_commit(struct inspection *in) must_use;
