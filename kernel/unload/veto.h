/* veto(): the module's own word on its unload. */
#pragma once
#include "unload/unload.h"

/* Asks it, for so long as the unload has patience, and for a second at least. 0: go on, or there is none; -EPERM: no; -ETIMEDOUT:
 * it has not returned; -EBUSY: an earlier one has not; -ENOMEM; with u->report.error. May sleep. */
int ask_veto(struct unload *u) must_use;
