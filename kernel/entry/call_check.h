/* make CHECKED=1: what a module's function leaves behind is compared with what it found: how often preemption
 * is off, interrupts, spin locks. What differs is named, with the function, and mended, so that
 * the machine goes on; a process that had called it ends. Around each call into a module. Other builds: nothing. */
#pragma once
#include "lib/types.h"

#ifdef CHECKED
struct call_check { u32 preempt, nr_held; bool irqs; };
/* Any context but NMI. */
struct call_check call_check_begin(void);
/* `what` is the part that `fn` has in the module: "read", "timer". False: it has left something, which is
 * said and mended. */
bool call_check_end(struct call_check c, const char *what, const void *fn);
/* The same of a call with a buffer of `len` bytes, of which it returned that `n` were used (or an error): `n`, or
 * -EIO when that is more than there are. */
int call_check_size(struct call_check c, const char *what, const void *fn, int n, u32 len);
#else
struct call_check { };
static inline struct call_check call_check_begin(void) { return (struct call_check){ }; }
static inline bool call_check_end(struct call_check c, const char *what, const void *fn)
{ (void)c; (void)what; (void)fn; return true; }
static inline int call_check_size(struct call_check c, const char *what, const void *fn, int n, u32 len)
{ (void)c; (void)what; (void)fn; (void)len; return n; }
#endif
