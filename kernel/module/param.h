/* What modules and loader agree on: the ABI stamp, and what the section .exports holds. */
#pragma once
#include "lib/param.h"

/* Changes with every change of an interface that modules use. */
#define MODULE_ABI "quiesce-1"

/* One EXPORT_SYMBOL, in section .exports. */
struct module_export { const char *name; const void *addr; };
