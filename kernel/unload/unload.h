/* Taking a module out: one request, the strategies, and what came of it. */
#pragma once
#include "module/module.h"
#include "smp/held.h"
#include "smp/ipi.h"

#define UNLOAD_WAIT    1u	/* wait until the deadline instead of failing at once */
#define UNLOAD_REVOKE  2u	/* cut open files off */
#define UNLOAD_FORCE   4u	/* go ahead whatever is in use; taints */

/* The module's own count of its users, which strategies of 2.4's time look at. */
#define USE_COUNT_BYTES sizeof(u32)

#define UNLOAD_PATIENCE_NS (1000 * 1000000ull)	/* for quiescence, when none is given */

struct strategy;
struct turnstile;

struct unload_insider {		/* who was found in the module */
	u32  task_id;
	char task_name[TASK_NAME_LEN];
	u32  cpu;
	u32  offset;			/* what points into the module, relative to its base: the
					 * address itself, in the asker's own stack, would be
					 * taken for a way back in by the next inspection */
	char where[64];			/* "reader+0x1c [uart]" */
	bool possible;			/* a stale word may be all it is */
	bool in_core;			/* not inside: at the end of a call, or of a file, in the core */
};

struct unload_report {
	u64 total_ns;
	struct held held;		/* longest times, TSC cycles: see smp/held.h */
	u32 tries;
	struct ipis ipis;		/* sent meanwhile */
	u32 broadcasts;			/* calls of all other CPUs among them */
	u32 inspected, skipped;		/* tasks looked at; not run since the load */
	u32 words;			/* stack words read */
	u32 nr_insiders;		/* different ones, over all tries */
	bool has_exit;
	u32 forgotten;			/* entry points that exit left behind */
	u32 forgotten_allocs, forgotten_bytes;
	u32 revoked;
	bool goes_first;		/* the asker, since it has cut files off */
	bool rolled_back;
	bool reregister_failed;		/* the split form */
	bool left_behind;		/* what was forgotten is registered still, and leads nowhere */
	u32 leaked;			/* bytes of image that were not given back */
	/* Written when there is something to say: nr_insiders, forgotten and the
	 * terminators tell. */
	struct unload_insider insider[4];	/* the first few */
	char forgotten_names[160];
	char exit_left_at[64];		/* where exit was left, as it did not return; "": it did */
	char error[200];		/* one line, when the unload failed */
};

struct unload {
	/* The request. */
	char name[MODULE_NAME_LEN];
	u32 flags;
	u64 patience_ns;		/* how long to try; 0: UNLOAD_PATIENCE_NS */
	/* Filled in on the way. */
	const struct strategy *strategy;	/* what was chosen when it began */
	struct module *mod;		/* gone once the unload has succeeded */
	u64 start, deadline;
	u32 asker_sp;			/* all that the asker's callers hold lies from here upwards */
	struct unload_report report;
};

struct strategy {
	const char *name;
	const char *source;		/* who, where, when */
	const char *gist;		/* one line */
	/* What it wants done where a module is entered; NULL: nothing. */
	const struct turnstile *turnstile;
	/* Memory that a module costs because of it: once, and again on each CPU. */
	u32 module_bytes, module_cpu_bytes;
	void (*prepare)(void);		/* called before it is chosen; NULL: nothing to do */
	/* What becomes of the init section once init has returned (init_section.h); NULL: it
	 * stays until the module goes, as in Linux up to 2.4. Task context, may sleep. */
	void (*init_done)(struct module *m);
	/* Takes u->mod out. 0 or an error with u->report.error set; the module is
	 * then LIVE and usable again. Task context, may sleep, modules_mutex not held. */
	int (*unload)(struct unload *u);
};

extern const struct strategy naive_strategy, never_free_strategy, johnson_strategy,
	phillips_strategy, machek_strategy, machek_anywhere_strategy, owens_strategy,
	owens_ticks_strategy, owens_freezer_strategy, owens_stop_strategy,
	russell_strategy, young_strategy, rcu_strategy, trap_strategy, census_strategy;
/* Steps 3 to 5 of trap, for a module whose entry points are closed. 0: nobody is
 * inside, and it is OWNER_GONE; else as help_insiders_out(). */
int trap_quiesce(struct unload *u) must_use;
extern const struct strategy *const strategies[];
extern const u32 nr_strategies;
extern const struct strategy *strategy;		/* the chosen one */

/* From unload= on the command line. Complains and keeps `trap` when there is no
 * strategy of that name. */
void unload_init(const char *name);
const struct strategy *strategy_find(const char *name);	/* NULL: none */
/* For the unloads that begin from now on. 0; -ENOENT; -ENOMEM; -EBUSY: a load or an
 * unload is under way, or somebody inside a module, whom the new strategy has not
 * counted, does not leave. May sleep. */
int  strategy_choose(const char *name) must_use;
/* The same at once, whatever is under way, and waiting for nobody: for experiments,
 * which know who is inside. */
void strategy_set(const struct strategy *s);
/* rmmod. The errors: -ENOENT (no such module), -EBUSY (in use, has dependents,
 * loading, being unloaded), -ETIMEDOUT, -EPERM (veto). May sleep. */
int  module_unload(struct unload *u) must_use;
/* What came of it, terminated: its error without the end of a line, else lines (none:
 * nothing to say). With `verbose` always lines, with those who were inside. */
void unload_text(const struct unload *u, int err, bool verbose, char *text, u32 size);
/* "1.234 ms", in the unit that fits, into buf. */
const char *duration_text(u64 ns, char *buf, u32 size);
/* sys_module.c: adds the system calls about modules. Once. */
void module_init_syscalls(void);
/* Told of each unload that a process asked for, once it has its answer, in the context of the
 * asker; NULL: nobody wants to know. For experiments: a process that is killed meanwhile does not tell. */
extern void (*module_unload_answered)(const struct unload *u, int err);
