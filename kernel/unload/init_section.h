/* What becomes of a module's init section once init has returned 0: strategy->init_done. */
#pragma once
#include "module/module.h"

/* All: the loader's task, `m` not LIVE yet; may sleep. */
/* Linux 2.6: at once. */
void free_init(struct module *m);
/* Linux since 4.0 (Rusty Russell, Jan 2015). */
void free_init_after_grace(struct module *m);
/* trap and census. If somebody is inside, or a CPU does not answer, it stays until the
 * module goes, and m->init_in_use says so. */
void free_init_if_nobody_inside(struct module *m);

/* As the chosen strategy does it: module_init_done (module.h). */
void init_section_done(struct module *m);
