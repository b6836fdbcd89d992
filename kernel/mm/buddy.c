#include "mm/buddy.h"

void buddy_init(struct buddy *b, struct frame_desc *desc, u32 nr_frames)
{
	*b = (struct buddy){ .desc = desc, .nr_frames = nr_frames };
	for (u32 order = 0; order < BUDDY_ORDERS; order++)
		b->free_head[order] = NO_FRAME;
	for (u32 i = 0; i < nr_frames; i++)
		desc[i] = (struct frame_desc){ .state = FRAME_ABSENT };
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

/* The largest order for a block that starts at `start` and ends by `end`. */
static u32 order_that_fits(u32 start, u32 end)
{
	u32 order = 0;

	while (order < BUDDY_MAX_ORDER && !(start & (1u << order)) &&
	       end - start >= 2u << order)
		order++;
	return order;
}

static void add_new_run(struct buddy *b, u32 start, u32 end)
{
	for (u32 i = start; i < end; i++)
		b->desc[i] = (struct frame_desc){ .state = FRAME_INNER };
	b->nr_managed += end - start;
	b->nr_free += end - start;
	while (start < end) {
		u32 order = order_that_fits(start, end);

		merge_and_push(b, start, order);
		start += 1u << order;
	}
}

static bool is_absent(const struct buddy *b, u32 frame)
{
	return b->desc[frame].state == FRAME_ABSENT;
}

u32 buddy_add(struct buddy *b, u32 start, u32 end)
{
	u32 added = 0;

	end = MIN(end, b->nr_frames);
	while (start < end) {
		u32 run_end = start;

		while (run_end < end && is_absent(b, run_end))
			run_end++;
		add_new_run(b, start, run_end);
		added += run_end - start;
		start = run_end + 1;
	}
	return added;
}

u32 buddy_alloc(struct buddy *b, u32 order)
{
	u32 from = order, frame;

	if (order > BUDDY_MAX_ORDER)
		return NO_FRAME;
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
	b->desc[frame].state = FRAME_USED;
	b->desc[frame].order = (u8)order;
	b->nr_free -= 1u << order;
	return frame;
}

const char *buddy_free(struct buddy *b, u32 frame, u32 order)
{
	if (frame >= b->nr_frames || is_absent(b, frame))
		return "it is not memory that was ever allocated";
	switch (b->desc[frame].state) {
	case FRAME_FREE:
		return "it is free already";
	case FRAME_INNER:
		return "it is free already or not the first of its block";
	}
	if (b->desc[frame].order != order)
		return "it was allocated with another size";
	b->nr_free += 1u << order;
	merge_and_push(b, frame, order);
	return NULL;
}
