/* The buddy allocator (K. C. Knowlton, "A fast storage allocator", CACM 8(10),
 * 1965): blocks of 2^order frames, aligned to their size; a block whose buddy is
 * free too merges with it. Pure book-keeping on an array of descriptors: it never
 * touches the frames, so that it runs on the host as well. The caller locks. */
#pragma once
#include "lib/types.h"

#define BUDDY_ORDERS    11	/* blocks of 1 to 1024 frames */
#define BUDDY_MAX_ORDER (BUDDY_ORDERS - 1)
#define BUDDY_MAX_HOT   64	/* single frames kept unmerged */
#define BUDDY_HOT_ORDER 4	/* and fetched at a time: 2^4 */
#define NO_FRAME        (~0u)

enum frame_state {
	FRAME_ABSENT,		/* not memory, or never given to the allocator */
	FRAME_FREE,		/* first frame of a free block */
	FRAME_HOT,		/* a free single frame that has not been merged */
	FRAME_USED,		/* first frame of a block in use */
	FRAME_INNER,		/* any other frame of a block */
};

struct frame_desc {
	u32 next, prev;		/* free blocks of one order, by frame number */
	u8 state;		/* enum frame_state */
	u8 order;		/* of the block, in its first frame */
	u8 tag;			/* whoever has the frame may mark it; 0 when it comes */
};

struct buddy {
	struct frame_desc *desc;
	u32 nr_frames;			/* length of desc */
	u32 free_head[BUDDY_ORDERS];	/* NO_FRAME: empty */
	/* Single frames, by far the most, come and go through a stack of their own:
	 * merging each only to split it off again would cost more than all the rest. */
	u32 hot_head, nr_hot;
	u32 nr_managed, nr_free;	/* frames; hot ones are free; others peek */
};

/* All frames absent. */
void buddy_init(struct buddy *b, struct frame_desc *desc, u32 nr_frames);
/* Gives the frames [start, end) to the allocator; those it has already are
 * skipped. Returns how many were new. */
u32  buddy_add(struct buddy *b, u32 start, u32 end);
/* First frame of a block of 2^order, or NO_FRAME. What was freed last comes first:
 * it may still be in a cache. */
u32  buddy_alloc(struct buddy *b, u32 order) must_use;
/* NULL, or what is wrong with freeing that; then nothing was done. */
const char *buddy_free(struct buddy *b, u32 frame, u32 order) must_use;
