/* What a module was built with, as its object file shows it, and as the loader compares it with
 * the kernel (stamp.c):
 *
 *   .stamp       words: the version below; a checksum of the headers for each folder of theirs
 *                (tools/abi); what the compiler's macros show of flags that a module must not have
 *   .stamp.text  functions that are never run. Most flags have no macro, but show in the code
 *                that the compiler makes of these
 *   .modinfo     build: the checks that the compiler has called
 *
 * Included by module/api.h, so each source file of a module carries them. */
#pragma once
#include "module_headers.h"		/* MODULE_HEADERS; made by tools/abi */

/* Changes when something that modules rely on does that no header shows. */
#define MODULE_ABI "quiesce-2"
#define MODULE_STAMP MODULE_ABI " " MODULE_HEADERS

/* The kernel that has what the module calls. A module without such calls is any kernel's: no header
 * has another layout in a checked build. */
#if defined(KCSAN)
#define MODULE_BUILD "KCSAN=1"
#elif defined(CHECKED)
#define MODULE_BUILD "CHECKED=1"
#else
#define MODULE_BUILD ""
#endif

/* Registers that a switch does not save (assumption A2 in docs/ARCHITECTURE.md). Of clang no macro tells
 * whether it may use the x87. */
#if defined(__SSE__) || defined(__MMX__)
#define FLAG_VECTOR " -msse"
#else
#define FLAG_VECTOR ""
#endif
#if !defined(__clang__) && !defined(_SOFT_FLOAT)
#define FLAG_X87 " -m80387"
#else
#define FLAG_X87 ""
#endif
/* These open each function in another way, or call what is not there. */
#if defined(__SSP__) || defined(__SSP_STRONG__) || defined(__SSP_ALL__)
#define FLAG_PROTECTOR " -fstack-protector"
#else
#define FLAG_PROTECTOR ""
#endif
#ifdef __CET__
#define FLAG_CET " -fcf-protection"
#else
#define FLAG_CET ""
#endif
#define MODULE_FLAGS FLAG_VECTOR FLAG_X87 FLAG_PROTECTOR FLAG_CET

/* Flags that change the layout of structures. */
_Static_assert(offsetof(struct { char c; long long x; }, x) == 4, "-malign-double: not for modules");
_Static_assert(sizeof(struct { char c; int i; }) == 8, "-fpack-struct: not for modules");
_Static_assert(sizeof(enum { ABI_ENUM }) == 4, "-fshort-enums: not for modules");
_Static_assert((char)-1 < 0, "-funsigned-char: not for modules");

#if defined(__clang__)
#define abi_probe static __attribute__((__used__, __noinline__, __section__(".stamp.text"), __no_sanitize__("undefined")))
#else
#define abi_probe static __attribute__((__used__, __noipa__, __section__(".stamp.text"), __no_sanitize__("undefined"), \
	__no_sanitize__("thread"), __no_sanitize__("address")))
#endif
/* To be put once into each source file; what the loader reads from them, see stamp.c. */
#define MODULE_WORDS                                                            \
	static const char abi_words[]                                           \
	__attribute__((used, section(".stamp"), __aligned__(1))) = MODULE_STAMP MODULE_FLAGS
#define MODULE_PROBES                                                           \
	abi_probe void abi_call(void (*f)(void)) { f(); }                       \
	abi_probe unsigned abi_argument(unsigned x) { return x; }               \
	abi_probe void abi_local(void (*f)(unsigned *)) { unsigned x; f(&x); }
