/* The kernel's heap: size classes of 16 to 2048 bytes carved from frames,
 * larger blocks as whole frames in a row (at most 4 MiB). */
#pragma once
#include "lib/types.h"

void heap_init(void);
/* NULL when there is no memory. Any context. 16-byte aligned; blocks of 64 bytes
 * and more to 64. */
void *kmalloc(size_t size) must_use;
void *kzalloc(size_t size) must_use;
/* kfree(NULL) does nothing. A double or wild free panics. */
void  kfree(void *p);
/* Bytes in use (as rounded up to blocks), and blocks; for `mem` and leak checks. */
u32 heap_used_bytes(void);
u32 heap_used_blocks(void);
/* Frames the heap holds, free blocks in them included: where no block leaked,
 * frame_available() + heap_frames() is what it was. */
u32 heap_frames(void);

#ifdef CHECKED_MEMORY
/* Modules' heaps are checked like this one (module/alloc.c). Gives the range a shadow, permanently: others
 * of its 32 KiB may be another heap's. It counts in heap_frames(). False: no memory. */
bool heap_cover(u32 addr, u32 bytes) must_use;
#endif
