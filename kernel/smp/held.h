/* For how long the removal of a module kept CPUs from running tasks. Whatever holds
 * a CPU says so here, so that all strategies are measured in one way:
 *
 * held:  because of the unload a CPU could run no task: it stood in Johnson's trap, was
 *        given to a stopper or a freezer of the highest priority, or answered an IPI.
 *        The refrigerator, which lets all run but those who call into modules,
 *        counts from its first guest to its thaw.
 * asker: the CPU of the asker could run no other task: it waited for CPUs, or walked
 *        a list, and was not preemptible meanwhile.
 *
 * The longest stretch of each counts, in TSC cycles. Where unloads overlap, each
 * gets the longest since the first of them began. */
#pragma once
#include "lib/types.h"

struct held { u64 held, asker; };

/* Around one unload. Task context. */
void held_watch(void);
struct held held_unwatch(void) must_use;

/* This CPU was held from `since` (TSC) until now. Any context but NMI; before the
 * asker is told that it is over. */
void held_since(u64 since);
void held_asker_since(u64 since);
