/* Parameters of a driver: what it offers, and setting them from text. */
#pragma once
#include "lib/load_error.h"

/* One module_param, in section .params of a module. */
enum param_type { PARAM_INT, PARAM_UINT, PARAM_BOOL, PARAM_CHARP, NR_PARAM_TYPES };
struct module_param { const char *name; u32 type; void *addr; u32 size; };

#define MAX_PARAM_TEXT 256		/* all parameters of one load, with the NUL */
#define MAX_PARAMS     32

/* Sets what `text` ("name=value other=\"two words\" flag") says; `text` is taken
 * apart in place. Pure, runs on the host as well. 0; -EINVAL, -ERANGE, -E2BIG:
 * err names the parameter. Those before it are set. */
int params_set(const struct module_param *table, u32 n, char *text,
               struct load_error *err) must_use;
