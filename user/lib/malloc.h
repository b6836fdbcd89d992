/* Memory of one's own. Not for several threads at once. */
#pragma once
#include "lib/types.h"

/* New pages, zeroed: their address, or 0 when there are none. */
void *pages_alloc(u32 pages) must_use;

/* `size` bytes, aligned to 8, not cleared; NULL: there is no memory. */
void *malloc(size_t size) must_use;
/* Cleared. */
void *zalloc(size_t size) must_use;
/* NULL is welcome. */
void  free(void *p);
