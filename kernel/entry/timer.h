/* Timers for modules. The handler runs in interrupt context on the CPU that
 * armed the timer. */
#pragma once
#include "entry/entry.h"

struct timer;			/* a handle (entry/handle.h): usable, in vain, when its record is gone */

/* ERR_PTR: as entry_add(), -ENOMEM. Any context. */
struct timer *timer_create(const char *name, void (*fn)(void *arg), void *arg) must_use;
/* Fires once, `ns` from now; re-arming moves it. Any context. 0, or -ENODEV:
 * the module is going (the wish is kept and honoured if it comes back), or the timer is
 * gone. */
int  timer_arm(struct timer *t, u64 ns);
/* True when it was armed. The handler may still be running. Any context. */
bool timer_cancel(struct timer *t);
/* Cancels, waits for the handler, and gives the record back. May sleep, so not from the
 * handler. 0, or as entry_destroy() says. */
int  timer_destroy(struct timer *t);
