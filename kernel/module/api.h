/* Everything a module may use, in one header. docs/MODULES.md is the guide.
 *
 *     #include "module/api.h"
 *     static int __init blink_init(void) { ... return 0; }
 *     static void __exit blink_exit(void) { ... }
 *     module_init(blink_init);
 *     module_exit(blink_exit);
 *     MODULE_DESCRIPTION("Blinks.");
 *     MODULE_LICENSE("MIT");
 */
#pragma once
#include "lib/no_float.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/list.h"
#include "lib/math64.h"
#include "lib/ring.h"
#include "lib/string.h"
#include "lib/types.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "smp/spinlock.h"
#include "sched/mutex.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "sched/wait.h"
#include "entry/callback.h"
#include "entry/chrdev.h"
#include "entry/console_claim.h"
#include "entry/dma.h"
#include "entry/irq.h"
#include "entry/notifier.h"
#include "entry/thread.h"
#include "entry/timer.h"
#include "entry/work.h"
#include "mm/heap.h"	/* in a module, kmalloc() takes from the module's own arena */
#include "module/param.h"
#include "module/stamp.h"

/* What is marked __init or __initdata is gone once init has returned: nothing that
 * outlives it may point there. */
#define __init  __attribute__((section(".init.text")))
#define __initdata __attribute__((section(".init.data")))
#define __exit  __attribute__((section(".exit.text")))

#define MODINFO_(key, value, line)                                              \
	static const char modinfo_##line[]                                      \
	__attribute__((used, section(".modinfo"), __aligned__(1))) = key "=" value
#define MODINFO_AT(key, value, line) MODINFO_(key, value, line)
#define MODINFO(key, value) MODINFO_AT(key, value, __COUNTER__)

#define MODULE_DESCRIPTION(text) MODINFO("description", text)
#define MODULE_LICENSE(text)     MODINFO("license", text)
/* Modules to load first, "a,b", where no symbol says so. May stand more than once. */
#define MODULE_DEPENDS(list)     MODINFO("depends", list)
/* In place of module_init(): nothing is to run at load. A library that exports symbols needs neither. */
#define MODULE_NO_INIT()         MODINFO("init", "none")
/* A device that not every machine has, or patience, where callers stay inside: `torture` does not load it. */
#define MODULE_NEEDS(what)       MODINFO("needs", what)

/* Life. init: 0 or a negative error. The others are optional: exit gives back
 * what the author wants to give back himself; veto returns nonzero to refuse an
 * unload; unregister and reregister are the split form of linux-kernel 2002
 * (Keith Owens). The aliases are what the loader looks for. */
#define module_init(fn)       int  init_module(void) __attribute__((alias(#fn)))
#define module_exit(fn)       void cleanup_module(void) __attribute__((alias(#fn)))
#define module_veto(fn)       int  veto_module(void) __attribute__((alias(#fn)))
#define module_unregister(fn) void unregister_module_entry(void) __attribute__((alias(#fn)))
#define module_reregister(fn) int  reregister_module_entry(void) __attribute__((alias(#fn)))

/* The use count that a module keeps of itself, as in Linux up to 2.4; strategies of
 * that time look at it. Once per module, at file level: */
#define MODULE_COUNTS_ITSELF()   u32 module_use_count
/* ... and where it is entered and left. Any context. */
#define MOD_INC_USE_COUNT        ((void)atomic_add(&module_use_count, 1))
#define MOD_DEC_USE_COUNT        ((void)atomic_sub(&module_use_count, 1))
extern u32 module_use_count;

/* Offers a symbol to other modules. Its name is in the modinfo as well, so that
 * the loader finds who has it before that module is loaded. */
#define EXPORT_SYMBOL(sym)                                                      \
	static const struct module_export export_##sym                          \
	__attribute__((used, section(".exports"), __aligned__(4))) =            \
		{ #sym, (const void *)&sym };                                   \
	MODINFO("export", #sym)

/* A parameter, set from "name=value" at load: int, uint, bool, or charp (a
 * char array, which the text must fit in). */
#define param_type_int   PARAM_INT
#define param_type_uint  PARAM_UINT
#define param_type_bool  PARAM_BOOL
#define param_type_charp PARAM_CHARP
#define module_param(var, type)                                                 \
	static const struct module_param param_##var                            \
	__attribute__((used, section(".params"), __aligned__(4))) =             \
		{ #var, param_type_##type, &var, sizeof(var) };                 \
	MODINFO("parm", #var ":" #type)

/* Stamps each source file with what it was built with. */
MODULE_WORDS;
MODINFO("build", MODULE_BUILD);
MODULE_PROBES
