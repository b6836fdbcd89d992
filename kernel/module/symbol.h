/* Symbols that modules bind to: the core's, and those of other modules. */
#pragma once
#include "lib/types.h"

struct kernel_export { const char *name; u32 addr; };

/* Offers a function or variable of the core to modules. Everything a module
 * may call is offered in module/exports.c, in one place. */
#define EXPORT_CORE(sym) { #sym, (u32)&sym }
#define EXPORT_CORE_AS(name, sym) { name, (u32)&sym }

extern const struct kernel_export kernel_exports[];
extern const u32 nr_kernel_exports;

/* Boot CPU, once: makes the core's symbols findable. */
void symbols_init(void);

struct module;
/* Finds `name` among the core's and all modules' exports; *provider is the
 * module, whatever its state, or NULL for the core. Caller holds modules_mutex. */
bool symbol_find(const char *name, u32 *addr, struct module **provider);
