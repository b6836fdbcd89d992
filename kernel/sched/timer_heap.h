/* The pairing heap under ktimer.c. Pure; each returns the new first timer. */
#pragma once
#include "sched/ktimer.h"

struct ktimer *timer_heap_add(struct ktimer *first, struct ktimer *t);
struct ktimer *timer_heap_remove(struct ktimer *first, struct ktimer *t);
