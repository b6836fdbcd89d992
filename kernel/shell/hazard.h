/* hazard: experiments on unloading. Each is a module of the archive whose
 * modinfo holds its script; nothing here knows any one of them. A cell may leave
 * nothing behind: whoever does not end is named, and the cell unfit.
 *
 *   hazard.c            the command: the list, one with its story, the table
 *   hazard_catalogue.c  what there is to be staged
 *   hazard_print.c      how cells are shown
 *   hazard_cell.c       one cell: clean slate, script, verdict, clean slate
 *   hazard_script.c     the steps of a script
 *   hazard_try.c        whether an unload can complete while a task is held
 *   hazard_wrap.c       counters near their end
 *   hazard_actor.c      the tasks that they put on the stage
 *   hazard_server.c     the same hazards where the driver is a process
 */
#pragma once
#include "module/module.h"
#include "unload/unload.h"

#define MAX_ACTORS 136
#define MAX_COLUMNS 16

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
	char what[48], device[MODULE_NAME_LEN];
	u32 arg;
	struct unload *unload;		/* of those who ask for one */
	/* Its task writes; others read once it is dead. */
	int result;
	u64 ended;			/* clock_ns() */
	/* The director's: the first whom its unload had found inside when `try` ended. */
	struct unload_insider seen;
};

struct cell {
	/* Fixed. */
	struct hazard hazard;
	const struct strategy *strategy;
	bool tell;			/* the story, on the console */
	u64 quarter;			/* a quarter of a second, scaled: deadlines are made of it */
	u64 start;

	/* The director's. */
	bool brief;			/* who asks for the unload is patient for a quarter, not four */
	u64 limit;			/* main has to be through by then; 0: nobody waits for it yet */
	u32 nr_actors;
	struct actor actor[MAX_ACTORS];
	struct actor *main;		/* the first who asked for an unload, else for a load */
	u32 nr_instances;		/* of the hazard's module, when it is staged as a crowd */
	u64 passed_at;			/* the hazard was lifted while main was at work; 0: not */
	enum verdict verdict;
	bool quarantine;		/* frames that are freed are kept aside, poisoned */
	bool unfit;			/* somebody or something did not come back */
	char evidence[240];

	/* Atomic. */
	bool curtain;			/* the play is over: actors end */
};

/* hazard_catalogue.c. Calls see(h, ctx) for each hazard, in the order of their ids,
 * until it says other than 0, and returns that. May sleep. */
int each_hazard(int (*see)(const struct hazard *h, void *ctx), void *ctx);

/* hazard_print.c. */
extern const char *const verdict_names[NR_VERDICTS];
void print_hazard(const struct hazard *h, bool json);
/* One that is no strategy. */
void print_column_json(const struct strategy *s);
/* Before and after the story of one. */
void print_prologue(const struct cell *c);
void print_epilogue(const struct cell *c);
void print_cell(const struct cell *c);
void print_cell_json(const struct cell *c);
void print_heads(const struct strategy *const *column, u32 n);
void print_row(const char *id, const enum verdict *verdict, u32 n);
void print_totals(const u32 *count);

/* hazard_actor.c. All: task context, may sleep. */
/* Puts a task on the stage that runs act(a); cpu ~0: anywhere. NULL: no memory,
 * or no room. */
struct actor *actor_start(struct cell *c, const char *name, int (*act)(struct actor *a),
                          const char *what, const char *device, u32 arg, u32 cpu);
bool actor_wait(struct actor *a, u64 deadline);		/* true: its task has ended */
bool actor_has_ended(const struct actor *a);
int  act_call(struct actor *a);		/* what: read, write, ioctl, open, loop */
int  act_unload(struct actor *a);
int  act_load(struct actor *a);		/* an instance gets its name as the parameter `device` */
int  act_starve(struct actor *a);	/* loads, unloads; the n-th allocation fails, for each n */
int  act_hog(struct actor *a);		/* keeps its CPU from those of normal priority */
int  act_busy(struct actor *a);		/* preemption off until the curtain falls */
int  act_yield(struct actor *a);	/* yields until the curtain falls */
int  act_stir(struct actor *a);		/* loads and unloads the module `device` */
int  act_deaf(struct actor *a);		/* interrupts off for `arg` percent of a quarter */
int  act_peek(struct actor *a);		/* the same, and looks at the stage's page before and after */
int  act_nmi(struct actor *a);		/* NMIs to every other CPU until the curtain falls */
int  act_show(struct actor *a);		/* runs the command `what` of the prompt */
int  act_notify(struct actor *a);	/* walks the stage's notifier chain */
int  act_program(struct actor *a);	/* runs `what` in ring 3 with all authority, until it ends */
int  act_rmmod(struct actor *a);	/* the same; it asks for an unload of `device` */
/* True: it is for as long as the play, and is ended when the curtain falls. */
static inline bool is_program(const struct actor *a) { return a->act == act_program || a->act == act_rmmod; }
const char *actor_name(const struct actor *a);

/* How long an unload tries before it gives up, ns. */
static inline u64 cell_patience(const struct cell *c)
{
	return c->brief ? c->quarter : 4 * c->quarter;
}

/* How long it may take before it counts as stuck, ns: each of a crowd may have to
 * wait for the others, and who is starved asks again and again. */
static inline u64 cell_limit(const struct cell *c)
{
	u32 unloads = c->main && c->main->act == act_starve ? 32 : c->nr_instances;

	return (cell_patience(c) + 2 * c->quarter) * (1 + unloads / 4);
}

/* hazard_try.c: waits until a's unload is over, or can be seen not to get there: `all` ns and four
 * passes of each CPU through schedule(), but not beyond four times `all`; or a quarter of that and
 * ten looks. May sleep. */
void let_it_try(struct actor *a, u64 all);

/* hazard_wrap.c: brings each counter that the safety of an unload of `module` may rest on to a few
 * steps before the end of its 32 bits; and puts back those that may not stay there, if it did. May sleep. */
int  hazard_wrap_begin(const char *module);
void hazard_wrap_end(void);

/* hazard_script.c: runs the cell's script. 0, or the error of the step that
 * failed, with c->verdict and c->evidence set. May sleep. */
int  script_run(struct cell *c);

/* hazard_server.c. A column of the table, no strategy to be chosen. */
extern const struct strategy server_home;
/* Plays the cell under it, and judges it by what the program saw. May sleep. */
void server_play(struct cell *c);

bool cell_is_loaded(const char *module);
/* hazard_cell.c: opens the module's device and has it answer. May sleep. */
bool cell_is_usable(struct cell *c, const char *module);
/* hazard_cell.c: waits until the unload (or load) that is judged is through. False: it is
 * not, by the cell's limit, which begins with the first wait since the hazard was lifted. May sleep. */
bool cell_wait(struct cell *c);
/* hazard_cell.c: moves the director, which is the caller, to a CPU where it is not
 * held up by what it stages. May sleep. */
void take_the_chair(void);
/* A deadline, in clock_ns(), whose low half is no address where modules lie: the director
 * rests with it on its stack, and would be taken for possibly inside. So up to 168 ms later. */
u64 from_now(u64 ns);
/* Stages c->hazard under c->strategy and sets verdict, evidence
 * and unfit. May sleep. */
void cell_run(struct cell *c);
