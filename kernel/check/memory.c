/* Blocks and their shadow. */
#include "check/memory.h"
#include "x86/console.h"
#include "x86/panic.h"
#include "x86/symbols.h"

struct block_record *block_record(void *raw, u32 raw_size)
{
	return (void *)((u8 *)raw + raw_size - sizeof(struct block_record));
}

void block_open(void *raw, u32 raw_size, u32 size, u32 caller)
{
	u32 start = (u32)raw, whole = ALIGN_DOWN(size, SHADOW_GRANULE);

	*block_record(raw, raw_size) = (struct block_record){ .size = size, .allocated_at = caller };
	shadow_set(start, whole, 0);
	shadow_set(start + whole, raw_size - whole, SHADOW_RED);
	if (size % SHADOW_GRANULE)
		shadow_set(start + whole, SHADOW_GRANULE, (u8)(size % SHADOW_GRANULE));
	shadow_set(start + raw_size - SHADOW_GRANULE, SHADOW_GRANULE, SHADOW_END);
}

bool block_is_closed(const void *raw) { return shadow_of((u32)raw) == SHADOW_FREE; }

static void print_freed_twice(const struct block_record *r, const void *raw)
{
	char where[112];

	symbolise(r->allocated_at - 1, where, sizeof(where));
	printk("the block of %u bytes at %p was allocated by %s\n", r->size, raw, where);
	symbolise(r->freed_at - 1, where, sizeof(where));
	printk("and freed by %s\n", where);
}

void block_close(struct quarantine *q, void *raw, u32 raw_size, u32 caller)
{
	struct block_record *r = block_record(raw, raw_size);
	char where[112];

	if (block_is_closed(raw)) {
		print_freed_twice(r, raw);
		symbolise(caller - 1, where, sizeof(where));
		panic("kfree(%p) by %s: it is free already", raw, where);
	}
	r->freed_at = caller;
	r->next = NULL;
	shadow_set((u32)raw, raw_size - SHADOW_GRANULE, SHADOW_FREE);
	if (q->last)
		q->last->next = r;
	else
		q->first = r;
	q->last = r;
	q->bytes += raw_size;
	q->blocks++;
}

struct block_record *quarantine_pop(struct quarantine *q, u32 keep, u32 (*raw_size)(u32 size))
{
	struct block_record *r = q->first;

	if (!r || q->bytes <= keep)
		return NULL;
	q->first = r->next;
	if (!q->first)
		q->last = NULL;
	q->bytes -= raw_size(r->size);
	q->blocks--;
	return r;
}
