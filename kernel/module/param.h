/* What modules and loader agree on: the ABI stamp, and what the sections .params
 * and .exports hold. And setting parameters. */
#pragma once
#include "lib/types.h"
#include "module/elf.h"

/* Changes with every change of an interface that modules use. */
#define MODULE_ABI "quiesce-1"

/* One EXPORT_SYMBOL, in section .exports. */
struct module_export { const char *name; const void *addr; };

/* One module_param, in section .params. */
enum param_type { PARAM_INT, PARAM_UINT, PARAM_BOOL, PARAM_CHARP, NR_PARAM_TYPES };
struct module_param { const char *name; u32 type; void *addr; u32 size; };

#define MAX_PARAM_TEXT 256		/* all parameters of one load, with the NUL */
#define MAX_PARAMS     32

/* Sets what `text` ("name=value other=\"two words\" flag") says; `text` is taken
 * apart in place. Pure, runs on the host as well. 0; -EINVAL, -ERANGE, -E2BIG:
 * err names the parameter. Those before it are set. */
int params_set(const struct module_param *table, u32 n, char *text,
               struct load_error *err) must_use;
