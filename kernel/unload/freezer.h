/* The refrigerator: where tasks stay while a module is unloaded. Neither way freezes
 * interrupts, timers, or the asker. */
#pragma once
#include "entry/turnstile.h"

/* At their own safe points: before a call into a module. Sleepers inside one are sent
 * out with -EINTR. Workers of the core are not frozen. Waits until nobody is in a call; -ETIMEDOUT at
 * `deadline`, and nothing is frozen. Needs freezer_turnstile. May sleep. */
int  freeze_at_safe_points(u64 deadline) must_use;
/* Wherever they are: on each CPU a task of the highest priority sees to it that no
 * lower one runs. 0, -ENOMEM, -EINTR (somebody thaws already). Thaws by itself after
 * FROZEN_LIMIT_NS, which no proposal says: a machine that waits for a frozen task
 * could only be switched off. May sleep. */
#define FROZEN_LIMIT_NS (10000 * 1000000ull)
int  freeze_anywhere(void) must_use;
/* Is that so now? Any context. */
bool frozen_anywhere(void);
/* Undoes either. Any task may call it, also to free one that is stuck. May sleep. */
void thaw_tasks(void);

extern const struct turnstile freezer_turnstile;
