#include "mm/buddy.h"
#include "lib/string.h"

_Static_assert(FRAME_ABSENT == 0, "zeroed descriptors are of absent frames");

void buddy_init(struct buddy *b, struct frame_desc *desc, u32 nr_frames)
{
	*b = (struct buddy){ .desc = desc, .nr_frames = nr_frames };
	for (u32 order = 0; order < BUDDY_ORDERS; order++)
		b->free_head[order] = NO_FRAME;
	memset(desc, 0, nr_frames * sizeof(*desc));
}

static void push_free(struct buddy *b, u32 frame, u32 order)
{
	struct frame_desc *d = &b->desc[frame];
	u32 next = b->free_head[order];

	d->state = FRAME_FREE;
	d->order = (u8)order;
	d->next = next;
	d->prev = NO_FRAME;
	if (next != NO_FRAME)
		b->desc[next].prev = frame;
	b->free_head[order] = frame;
}

static void unlink_free(struct buddy *b, u32 frame)
{
	struct frame_desc *d = &b->desc[frame];

	if (d->prev != NO_FRAME)
		b->desc[d->prev].next = d->next;
	else
		b->free_head[d->order] = d->next;
	if (d->next != NO_FRAME)
		b->desc[d->next].prev = d->prev;
}

static bool is_free_block(const struct buddy *b, u32 frame, u32 order)
{
	return frame < b->nr_frames && b->desc[frame].state == FRAME_FREE &&
	       b->desc[frame].order == order;
}

/* Makes the block free, merged with its buddies as far as they are free. */
static void merge_and_push(struct buddy *b, u32 frame, u32 order)
{
	for (; order < BUDDY_MAX_ORDER; order++) {
		u32 buddy = frame ^ (1u << order);

		if (!is_free_block(b, buddy, order))
			break;
		unlink_free(b, buddy);
		b->desc[MAX(frame, buddy)].state = FRAME_INNER;
		frame = MIN(frame, buddy);
	}
	push_free(b, frame, order);
}

static void push_hot(struct buddy *b, u32 frame)
{
	b->desc[frame].state = FRAME_HOT;
	b->desc[frame].next = b->hot_head;
	b->hot_head = frame;
	b->nr_hot++;
}

static u32 pop_hot(struct buddy *b)
{
	u32 frame = b->hot_head;

	b->hot_head = b->desc[frame].next;
	b->nr_hot--;
	return frame;
}

/* The largest order for a block that starts at `start` and ends by `end`. */
static u32 order_that_fits(u32 start, u32 end)
{
	u32 order = 0;

	while (order < BUDDY_MAX_ORDER && !(start & (1u << order)) &&
	       end - start >= 2u << order)
		order++;
	return order;
}

static bool is_absent(const struct buddy *b, u32 frame)
{
	return b->desc[frame].state == FRAME_ABSENT;
}

static void add_blocks(struct buddy *b, u32 start, u32 end)
{
	b->nr_managed += end - start;
	b->nr_free += end - start;
	while (start < end) {
		u32 order = order_that_fits(start, end);

		merge_and_push(b, start, order);
		start += 1u << order;
	}
}

u32 buddy_add(struct buddy *b, u32 start, u32 end)
{
	u32 added = 0;

	end = MIN(end, b->nr_frames);
	while (start < end) {
		u32 run_end = start;

		while (run_end < end && is_absent(b, run_end))
			b->desc[run_end++].state = FRAME_INNER;
		add_blocks(b, start, run_end);
		added += run_end - start;
		start = run_end + 1;
	}
	return added;
}

/* Cuts a block off the smallest free one that is large enough. */
static u32 split_off(struct buddy *b, u32 order)
{
	u32 from = order, frame;

	while (b->free_head[from] == NO_FRAME)
		if (++from > BUDDY_MAX_ORDER)
			return NO_FRAME;
	frame = b->free_head[from];
	unlink_free(b, frame);
	/* The upper half goes back until the block has the size asked for. */
	while (from > order) {
		from--;
		push_free(b, frame + (1u << from), from);
	}
	return frame;
}

/* A single frame; from a larger block some more for the next time, lowest on top. */
static u32 alloc_single(struct buddy *b)
{
	u32 frame;

	if (b->nr_hot)
		return pop_hot(b);
	frame = split_off(b, BUDDY_HOT_ORDER);
	if (frame == NO_FRAME)
		return split_off(b, 0);
	for (u32 i = (1u << BUDDY_HOT_ORDER) - 1; i > 0; i--)
		push_hot(b, frame + i);
	return frame;
}

static u32 alloc_block(struct buddy *b, u32 order)
{
	u32 frame = split_off(b, order);

	if (frame != NO_FRAME || !b->nr_hot)
		return frame;
	/* What is missing may be held apart by frames that were not merged. */
	while (b->nr_hot)
		merge_and_push(b, pop_hot(b), 0);
	return split_off(b, order);
}

u32 buddy_alloc(struct buddy *b, u32 order)
{
	u32 frame;

	if (order > BUDDY_MAX_ORDER)
		return NO_FRAME;
	frame = order ? alloc_block(b, order) : alloc_single(b);
	if (frame == NO_FRAME)
		return NO_FRAME;
	b->desc[frame].state = FRAME_USED;
	b->desc[frame].order = (u8)order;
	WRITE_ONCE(b->nr_free, b->nr_free - (1u << order));
	return frame;
}

const char *buddy_free(struct buddy *b, u32 frame, u32 order)
{
	if (frame >= b->nr_frames || is_absent(b, frame))
		return "it is not memory that was ever allocated";
	switch (b->desc[frame].state) {
	case FRAME_FREE:
	case FRAME_HOT:
		return "it is free already";
	case FRAME_INNER:
		return "it is free already or not the first of its block";
	}
	if (b->desc[frame].order != order)
		return "it was allocated with another size";
	WRITE_ONCE(b->nr_free, b->nr_free + (1u << order));
	if (order == 0 && b->nr_hot < BUDDY_MAX_HOT)
		push_hot(b, frame);
	else
		merge_and_push(b, frame, order);
	return NULL;
}
