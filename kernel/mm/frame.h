/* Physical memory, by the frame of 4 KiB. */
#pragma once
#include "lib/types.h"
#include "x86/layout.h"

/* Takes all usable memory below DIRECT_MAP_SIZE except the kernel image, the
 * boot modules, the first MiB and what x86/last_log.h keeps. Boot CPU, once. */
void frame_init(void);
/* A frame, or 0 when there is none. Contents undefined. Any context. */
paddr_t frame_alloc(void) must_use;
/* A frame that is not in use (freed twice, say) panics. Any context. */
void    frame_free(paddr_t frame);
/* `n` (a power of two, at most 1024) frames in a row, aligned to their size; 0: none. */
paddr_t frames_alloc(u32 n) must_use;
void    frames_free(paddr_t first, u32 n);
#ifdef CHECKED_MEMORY
/* For the checker's own books: no allocation that alloc_fail_nth() counts. */
paddr_t frame_alloc_uncounted(void) must_use;
#endif
/* In frames. */
u32 frame_total(void);
u32 frame_available(void);

/* Quarantine, for experiments. From begin to end no frame that is freed is handed out
 * again: it is filled with FRAME_POISON, so that whoever writes to it after that (a
 * device, a CPU with a stale TLB entry) leaves a trace. The end gives them all back
 * and returns how many had been written to, *damaged being one of these. One at a
 * time. Any context. */
#define FRAME_POISON 0xdeadf4eeu
void frame_quarantine_begin(void);
u32  frame_quarantine_end(paddr_t *damaged);

/* A mark that whoever holds a frame may put on it, so that an address leads back
 * to who has it. 0 when the frame is allocated; must be 0 again when it is freed.
 * frame_tag() of anything that is not memory is 0. */
void frame_set_tag(paddr_t frame, u8 tag);
u8   frame_tag(paddr_t frame);

/* Fault injection for tests: the n-th allocation of frames or heap from now
 * fails (1: the next), once; 0: off. Counts only allocations by the current
 * task, so that the rest of the machine is not disturbed. */
void alloc_fail_nth(u32 n);
/* True when that failure has been delivered. */
bool alloc_fail_delivered(void);
/* For allocators: counts one allocation, true when it is to fail. */
bool alloc_should_fail(void);
