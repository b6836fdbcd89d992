/* What modules and loader agree on: the ABI stamp, and what the section .exports holds. */
#pragma once
#include "lib/param.h"

/* Changes with every change of an interface that modules use. */
#define MODULE_ABI "quiesce-1"
/* Behind it, what the module was built to be checked by: it calls what only a kernel of the same build
 * has. A module without such calls is any kernel's. */
#if defined(KCSAN)
#define MODULE_BUILD "KCSAN=1"
#elif defined(CHECKED)
#define MODULE_BUILD "CHECKED=1"
#else
#define MODULE_BUILD ""
#endif

/* One EXPORT_SYMBOL, in section .exports. */
struct module_export { const char *name; const void *addr; };
