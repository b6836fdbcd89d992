/* Where the shadow byte of an address is. Within check/. */
#pragma once
#include "check/memory.h"
#include "x86/layout.h"

#define SHADOW_SPAN  (PAGE_SIZE * SHADOW_GRANULE)	/* addresses that a page of shadow is for */
#define SHADOW_PAGES ((MODULE_BASE + MODULE_SIZE - KERNEL_BASE) / SHADOW_SPAN)

/* Each entry is set once. */
extern u8 *shadow_page[SHADOW_PAGES];

/* SHADOW_PAGES or more: none, as for all of ring 3. */
static always_inline u32 shadow_index(u32 addr) { return (addr - KERNEL_BASE) / SHADOW_SPAN; }

static always_inline u8 *shadow_byte(u32 addr)
{
	return &shadow_page[shadow_index(addr)][addr / SHADOW_GRANULE % PAGE_SIZE];
}
