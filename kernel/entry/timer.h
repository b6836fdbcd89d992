/* Timers for modules. The handler runs in interrupt context on the CPU that
 * armed the timer. */
#pragma once
#include "entry/entry.h"

struct timer;

struct timer *timer_create(const char *name, void (*fn)(void *arg), void *arg) must_use;
/* Fires once, `ns` from now; re-arming moves it. Any context. 0, or -ENODEV:
 * the module is going (the wish is kept and honoured if it comes back). */
int  timer_arm(struct timer *t, u64 ns);
/* True when it was armed. The handler may still be running. */
bool timer_cancel(struct timer *t);
/* Cancels, waits for the handler, and gives the record back. May sleep. */
void timer_destroy(struct timer *t);
