/* Looking ahead of a hold, while all CPUs run, so that the hold is short however many tasks
 * there are. */
#pragma once
#include "lib/types.h"

struct inspection;
struct task;

/* With fewer tasks the hold reads them all (a test lets it begin elsewhere). */
extern u32 look_ahead_from;

/* Reads the stacks of all tasks that are off their CPUs, and from here to the hold notes who
 * runs. Sets in->ahead if the hold may rely on it. Task context, may be preempted; caller has
 * the turn, and goes on with hold_cpus(). */
void look_ahead(struct inspection *in);
/* Calls look(in, t) for each task that has run since its stack was read ahead of the hold, that
 * was not clean then, or that was born later. CPUs held; caller holds tasklist_lock; once. */
void ahead_each_again(struct inspection *in, void (*look)(struct inspection *in, struct task *t));
/* Drops the notes. Task context; caller has the turn. */
void look_ahead_end(struct inspection *in);
