/* What the parts of `bench` share. Figures are instructions of all CPUs together in
 * deterministic mode (icount=N on the command line: the TSC counts them, shifted by N),
 * and nanoseconds otherwise. */
#pragma once
#include "lib/stats.h"
#include "sched/wait.h"
#include "unload/unload.h"

#define SAMPLES 64

/* Tasks that only sleep, until they are woken to go back to sleep. */
struct sleepers {
	struct task **task;
	u32 nr;
	struct wait_queue bed;
	u32 round;			/* raised to wake them */
	u32 awake;			/* atomic: have yet to go back to sleep */
	bool stop;
};

struct bench {
	bool json;
	bool instructions;
	u32 shift;
	u32 sample[SAMPLES];
	struct unload unload;		/* off the stack, which is inspected */
	struct sleepers sleepers;
	char **only;			/* names of strategies; */
	int nr_only;			/* 0: all of them */
};

/* TSC cycles into what is printed, and what that is. */
u32 figure(const struct bench *b, u64 cycles);
const char *unit(const struct bench *b);

/* All: task context, may sleep; 0, or an error that has been printed. */

/* Until `nr` of them sleep. */
int  sleepers_start(struct sleepers *s, u32 nr) must_use;
void sleepers_wake(struct sleepers *s);		/* each runs once, and sleeps again */
void sleepers_stop(struct sleepers *s);

/* One load of `name`, or one unload with these flags; *cycles says how long it took. The
 * unload's own error is returned without a word. What the module says meanwhile is not shown. */
int  bench_load(struct bench *b, const char *name, const char *params, u64 *cycles) must_use;
int  bench_remove(struct bench *b, const char *name, u32 flags, u64 patience_ns, u64 *cycles) must_use;

/* Figures of one yield between two tasks of a CPU, and of one read of a device. */
int  sample_yield(struct bench *b, struct stats *s) must_use;
int  sample_read(struct bench *b, const char *device, struct stats *s) must_use;

/* A line, or an object, with median, p99 and maximum. */
void print_figure(const struct bench *b, const char *what, struct stats *s, const char *of);

/* bench_files.c */
int  bench_files(struct bench *b) must_use;
/* bench_program.c */
int  bench_ipc(struct bench *b) must_use;
int  bench_homes(struct bench *b) must_use;
/* `bench strategies [PART [STRATEGY]...]`: bench_strategies.c. */
int  bench_strategies(struct bench *b, const char *part) must_use;
