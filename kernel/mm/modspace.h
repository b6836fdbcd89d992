/* Address ranges for modules. Ranges are handed out round robin over the whole
 * area, so that a freed range stays unmapped for as long as possible and a late
 * use of it faults. */
#pragma once
#include "lib/types.h"
#include "x86/layout.h"

/* Reserves `pages` pages of addresses (nothing is mapped), with an unmapped
 * page before and after. Returns the address or 0. May sleep: no. */
u32  modspace_reserve(u32 pages) must_use;
/* The range may be handed out again. Nothing is mapped there any more, and no TLB
 * holds an entry of it. */
void modspace_release(u32 va, u32 pages);
/* Hand the same range out again at once (hazard D2), instead of last. */
void modspace_reuse_at_once(bool on);
/* Pages of addresses reserved, guards included; for leak checks. */
u32  modspace_used_pages(void);
static inline bool modspace_holds(u32 va) { return va - MODULE_BASE < MODULE_SIZE; }
