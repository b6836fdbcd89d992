/* What modules and loader agree on: what the sections .params and .exports hold. */
#pragma once
#include "lib/param.h"

/* One EXPORT_SYMBOL, in section .exports. */
struct module_export { const char *name; const void *addr; };
