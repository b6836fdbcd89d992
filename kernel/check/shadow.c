/* The shadow: a page for each 32 KiB, where there is something to check. */
#include "check/shadow.h"
#include "x86/atomic.h"

u8 *shadow_page[SHADOW_PAGES];

bool shadow_cover(u32 addr, u32 len, void *(*new_page)(void), void (*drop_page)(void *))
{
	for (u32 i = shadow_index(addr); i <= shadow_index(addr + len - 1); i++) {
		u8 *page;

		if (load_acquire(&shadow_page[i]))
			continue;
		page = new_page();
		if (!page)
			return false;
		if (!atomic_cmpxchg(&shadow_page[i], (u8 *)NULL, page))
			drop_page(page);
	}
	return true;
}

void shadow_set(u32 addr, u32 len, u8 code)
{
	for (u32 end = addr + len; addr < end; addr += SHADOW_GRANULE)
		if (shadow_page[shadow_index(addr)])
			*shadow_byte(addr) = code;
}

u8 shadow_of(u32 addr)
{
	u32 i = shadow_index(addr);

	return i < SHADOW_PAGES && shadow_page[i] ? *shadow_byte(addr) : 0;
}
