/* The parts of torture: what its tasks do, and what they have counted. */
#pragma once
#include "lib/prng.h"
#include "lib/types.h"
#include "module/module.h"
#include "sched/task.h"
#include "shell/users.h"

#define NR_MOVERS    4u		/* tasks that load and unload */
#define NR_STARTERS  1u		/* tasks that start processes, which use devices and end */
#define TORTURE_PRIO (PRIO_NORMAL + 1)	/* before the users, behind what is typed */
#define MAX_ORDINARY 64u	/* modules of the archive that are loaded in turns */

struct torture_counts {
	u32 loads, load_failures, failed_inits, unloads, refused, retries, roll_backs, revoked, kills, replaced,
	    processes;
};

/* One task of it. */
struct torturer {
	/* Fixed. */
	struct torture *all;
	struct task *task;		/* NULL: not started */
	/* Its own; others look at the last two while it runs. */
	struct prng rng;
	struct torture_counts counts;
	u32 steps;
	u64 last_step;			/* clock_ns() */
};

struct torture {
	/* Fixed. */
	u32 seed;			/* of this round */
	bool interface;			/* modules that call the whole interface, and kills */
	bool ordinary_too;		/* -a: both kinds, processes, other strategies */
	u32 nr_ordinary;
	char ordinary[MAX_ORDINARY][MODULE_NAME_LEN];
	struct users users;
	struct torturer worker[NR_MOVERS + NR_STARTERS];
	/* Atomic. */
	bool stop;
};

/* torture_move.c: the life of a mover, a struct torturer. It ends soon after t->stop. */
void torture_mover(void *torturer);
/* Unloads whatever is loaded; what does not go is said. May sleep. */
void torture_unload_all(struct torture_counts *c);
/* torture_process.c: the life of a starter. */
void torture_starter(void *torturer);
/* Called by a worker before each of its steps. */
void torture_step(struct torturer *me);
void torture_add(struct torture_counts *sum, const struct torture_counts *c);
