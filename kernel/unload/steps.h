/* What every strategy is composed of, besides holding and inspecting. All:
 * task context, may sleep, the module is claimed by this unload. */
#pragma once
#include "entry/entry.h"
#include "unload/hold.h"
#include "unload/inspect.h"
#include "unload/unload.h"

/* LIVE -> GOING: opens wait at the gate from here on. With
 * holders (dependents, open files): -EBUSY, or with UNLOAD_WAIT waits for them
 * until the deadline (-ETIMEDOUT); with UNLOAD_REVOKE files are cut off, with
 * UNLOAD_FORCE ignored. On error the module is LIVE and the report says who. */
int  unload_begin(struct unload *u) must_use;
/* Leads every way in to a stub, sends interruptible sleepers home, asks threads
 * to stop. Destroys nothing. */
void unload_close_entries(struct unload *u);
/* Gives those found inside the highest priority, sleeps a little longer each
 * time, and lets closed sleepers look again. 0: try again; else an error, with
 * the reason in the report: -EBUSY / -ETIMEDOUT (patience is over), -EDEADLK
 * (the asker itself is inside), -EINTR (the asker was killed). */
int  help_insiders_out(struct unload *u, struct inspection *in) must_use;
/* GOING -> LIVE: gates open, what was held back goes on, threads start again. */
void unload_roll_back(struct unload *u);
/* The module is GONE and nobody is inside: its exit runs here, in this task. Bounded: one
 * that is at it for longer than the unload's patience is left, and the report says where. */
void unload_run_exit(struct unload *u, bool bounded);
/* Everything of the module goes. u->mod is NULL afterwards. */
void unload_finish(struct unload *u);
/* Enters one record that the module's exit forgot into the report (ctx). */
void note_forgotten(struct entry *e, void *ctx);
