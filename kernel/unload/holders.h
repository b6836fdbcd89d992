/* Those who have a right to the module: dependents and open files. Known by
 * name, because the core keeps the books. */
#pragma once
#include "unload/unload.h"

/* Says in the report which modules depend on it: -EBUSY. Caller holds modules_mutex. */
int name_dependents(struct unload *u);
/* Waits until nobody holds the module (dependents, open files, bare pointers in the data
 * of another), as u->flags say. 0; -EBUSY, -ETIMEDOUT, -EINTR with the first holder named in u->report.error. May sleep. */
int holders_wait(struct unload *u) must_use;
