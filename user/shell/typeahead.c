#include "user/shell/typeahead.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "user/lib/malloc.h"

#define CTRL_C 0x03

/* A ring whose indices run freely and wrap; sizes are powers of two. */
static u8 first[256];			/* what needs no memory */
static u8 *bytes = first;
static u32 size = sizeof(first);
static u32 head, tail;			/* put at head, got at tail */
static u32 behind_ctrl_c;		/* the last one: how many bytes from tail to behind it; 0: none */

static void use(u8 *buf, u32 len)
{
	if (bytes != first)
		free(bytes);
	bytes = buf;
	size = len;
}

static bool grow(void)
{
	u8 *more = size < TYPEAHEAD_MAX ? malloc(2 * size) : NULL;

	if (!more)
		return false;
	for (u32 i = tail; i != head; i++)
		more[i % (2 * size)] = bytes[i % size];
	use(more, 2 * size);
	return true;
}

bool typeahead_room(void)
{
	return head - tail < size || grow();
}

void typeahead_put(u8 c)
{
	bytes[head++ % size] = c;
	if (c == CTRL_C)
		behind_ctrl_c = head - tail;
}

static void drop(u32 n)
{
	tail += n;
	behind_ctrl_c -= MIN(n, behind_ctrl_c);
	if (head == tail)
		use(first, sizeof(first));
}

bool typeahead_empty(void) { return head == tail; }

int typeahead_get(void)
{
	if (typeahead_empty())
		return -EAGAIN;
	u8 c = bytes[tail % size];
	drop(1);
	return c;
}

bool typeahead_ctrl_c(void)
{
	if (!behind_ctrl_c)
		return false;
	drop(behind_ctrl_c);
	return true;
}
