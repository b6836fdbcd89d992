/* Modules' heaps in a checked build (CHECKED=1): red zones and quarantine, as mm/heap_checked.c has them
 * for the core's. In others these are the arena's own functions. Caller holds the heaps' lock. */
#pragma once
#include "check/memory.h"
#include "mm/heap.h"
#include "module/arena.h"
#include "module/module.h"

#ifdef CHECKED_MEMORY
void *checked_alloc(struct module *m, size_t size, bool map_more, u32 caller) must_use;
bool  checked_free(struct module *m, void *p, u32 caller) must_use;
/* Its pages have been unmapped: the next owner must not be checked against stale state. */
void  checked_forget(struct module *m);
static inline bool checked_cover(u32 va, u32 bytes)        { return heap_cover(va, bytes); }
static inline u32 checked_blocks(const struct module *m)   { return m->quarantine.blocks; }
static inline u32 checked_bytes(const struct module *m)    { return m->quarantine.bytes; }
#else
static inline void *checked_alloc(struct module *m, size_t size, bool map_more, u32 caller)
{ (void)caller; return arena_alloc(m->arena, size, map_more); }
static inline bool checked_free(struct module *m, void *p, u32 caller)
{ (void)caller; return arena_free(m->arena, p); }
static inline void checked_forget(struct module *m)        { (void)m; }
static inline bool checked_cover(u32 va, u32 bytes)        { (void)va, (void)bytes; return true; }
static inline u32 checked_blocks(const struct module *m)   { (void)m; return 0; }
static inline u32 checked_bytes(const struct module *m)    { (void)m; return 0; }
#endif
