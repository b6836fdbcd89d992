/* Modules whose init failed. They leave by an unload like any other, but nobody waits for its
 * outcome: a task of the core, the reaper, tries until those inside have left. */
#pragma once
#include "unload/unload.h"

/* Makes the reaper. Once, before the first load. */
void failed_load_init(void);
/* module_take_back (module.h). */
void failed_load_take_back(struct module *m);
/* rmmod of one: has the reaper look at once, and waits as u->flags say. 0: it is gone; -EBUSY,
 * -ETIMEDOUT, -EINTR, with who is in the way in u->report.error. May sleep. */
int  failed_load_unload(struct unload *u) must_use;
/* How long the loader waits for its end, before it leaves that to a task of the core (a test makes it short). */
extern u64 failed_load_wait_ns;
