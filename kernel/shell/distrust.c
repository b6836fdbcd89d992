#include "shell/distrust.h"
#include "x86/console.h"
#include "x86/paging.h"

#define MAX_ELEMENTS 1000	/* of a list, which may have become a ring without its head */

bool is_readable(const void *p, u32 size)
{
	u32 first = (u32)p, last = first + size - 1;

	return first >= KERNEL_BASE && last >= first && last < FIXMAP_BASE &&
	       kernel_translate(first) != ~0ull && kernel_translate(last) != ~0ull;
}

void each_readable(const struct list *head, u32 offset, u32 size, void (*show)(const void *element))
{
	const struct list *l = head->next;

	for (u32 n = 0; l != head; n++, l = l->next) {
		const void *element = (const char *)l - offset;
		if (n == MAX_ELEMENTS || !is_readable(element, size)) {
			printk("... %s at %08x\n", n == MAX_ELEMENTS ? "and so on" : "the list is broken", (u32)l);
			return;
		}
		show(element);
	}
}
