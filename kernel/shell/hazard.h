/* hazard: experiments on unloading. Each is a module of the archive whose
 * modinfo holds its script; nothing here knows any one of them. A cell may leave
 * nothing behind: whoever does not end is named, and the cell unfit.
 *
 *   hazard.c         the command: list, one with its story, the table
 *   hazard_cell.c    one cell: clean slate, script, verdict, clean slate
 *   hazard_script.c  the steps of a script
 *   hazard_actor.c   the tasks that they put on the stage
 */
#pragma once
#include "module/module.h"
#include "unload/unload.h"

#define MAX_ACTORS 24

enum verdict {
	VERDICT_SAFE, VERDICT_WAITED, VERDICT_REFUSED, VERDICT_ROLLED_BACK, VERDICT_UAF,
	VERDICT_HANG, VERDICT_LEAK, VERDICT_HALF_DEAD, VERDICT_NA, VERDICT_UNSTAGED,
	NR_VERDICTS
};

struct hazard {
	char module[MODULE_NAME_LEN];
	char id[12], name[24], source[48];
	char script[400];
};

struct cell;

struct actor {
	/* Fixed once started. */
	struct cell *cell;
	struct task *task;
	int (*act)(struct actor *a);
	char what[12], device[MODULE_NAME_LEN];
	u32 arg;
	struct unload *unload;		/* of those who ask for one */
	/* Its task writes; others read once it is dead. */
	int result;
	u64 ended;			/* clock_ns() */
};

struct cell {
	/* Fixed. */
	struct hazard hazard;
	const struct strategy *strategy;
	bool tell;			/* the story, on the console */
	u64 quarter;			/* a quarter of a second, scaled: every deadline */
	u64 start;

	/* The director's. */
	u32 nr_actors;
	struct actor actor[MAX_ACTORS];
	struct actor *main;		/* the first who asked for an unload, else for a load */
	u64 passed_at;			/* the hazard was lifted while main was at work; 0: not */
	enum verdict verdict;
	bool unfit;			/* somebody or something did not come back */
	char evidence[240];

	/* Atomic. */
	bool curtain;			/* the play is over: actors end */
};

extern const char *const verdict_names[NR_VERDICTS];

/* hazard_actor.c. All: task context, may sleep. */
/* Puts a task on the stage that runs act(a); cpu ~0: anywhere. NULL: no memory,
 * or no room. */
struct actor *actor_start(struct cell *c, const char *name, int (*act)(struct actor *a),
                          const char *what, const char *device, u32 arg, u32 cpu);
bool actor_wait(struct actor *a, u64 deadline);		/* true: its task has ended */
bool actor_has_ended(const struct actor *a);
int  act_call(struct actor *a);		/* what: read, write, ioctl, open, loop */
int  act_unload(struct actor *a);
int  act_load(struct actor *a);
int  act_starve(struct actor *a);	/* loads, unloads; the n-th allocation fails, for each n */
int  act_hog(struct actor *a);		/* keeps its CPU from those of normal priority */
int  act_deaf(struct actor *a);		/* interrupts off for `arg` percent of a quarter */
int  act_nmi(struct actor *a);		/* NMIs to every other CPU until the curtain falls */
int  act_notify(struct actor *a);	/* walks the stage's notifier chain */
const char *actor_name(const struct actor *a);

/* hazard_script.c: runs the cell's script. 0, or the error of the step that
 * failed, with c->verdict and c->evidence set. May sleep. */
int  script_run(struct cell *c);

/* hazard_cell.c: moves the director, which is the caller, to a CPU where it is not
 * held up by what it stages. May sleep. */
void take_the_chair(void);
/* Stages c->hazard under c->strategy and sets verdict, evidence
 * and unfit. May sleep. */
void cell_run(struct cell *c);
