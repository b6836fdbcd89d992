/* The machine stopped: one task of the highest priority on each CPU, interrupts off. */
#pragma once
#include "lib/types.h"

/* Has fn(arg) called on this CPU while every other CPU stands still with interrupts off.
 * What fn returns, or -ENOMEM. A task of its own, since it is bound to its CPU from here
 * on: seed 003's krmmod. May sleep. */
int stop_machine(int (*fn)(void *arg), void *arg) must_use;
