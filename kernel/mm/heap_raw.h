/* The heap below kmalloc(). In a checked build (CHECKED=1) heap_checked.c is between the two: red zones,
 * quarantine, shadow; in the others they are one. For mm/ only. */
#pragma once
#include "lib/types.h"
#include "x86/layout.h"

#ifdef CHECKED_MEMORY
void *heap_get(size_t size) must_use;
void  heap_put(void *p);
/* How large the block at `p` is; 0: none begins there. */
u32   heap_size_at(void *p);
/* How large the block is that heap_get(size) gives. */
u32   heap_block_size(u32 size);
u32   heap_raw_bytes(void), heap_raw_blocks(void), heap_raw_frames(void);

/* The heap takes memory from the page allocator, and returns it. Any context. */
bool heap_took(void *memory, u32 bytes) must_use;
void heap_returns(void *memory, u32 bytes);
#else
static inline bool heap_took(void *memory, u32 bytes)    { (void)memory, (void)bytes; return true; }
static inline void heap_returns(void *memory, u32 bytes) { (void)memory, (void)bytes; }
#endif
