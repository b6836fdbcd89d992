/* What kmalloc(), kzalloc() and kfree() are in a module: exports.c binds the
 * names to these. Each block belongs to the module that asked for it, lies in that
 * module's own range of addresses, and goes with it. */
#pragma once
#include "module/module.h"

/* Zeroed. NULL: no memory, or the module's heap (MODULE_HEAP_SIZE) is full. Any
 * context; in interrupts only from pages that the module's heap has already. */
void *module_kmalloc(size_t size) must_use;
/* Any module may free what another allocated and handed to it. A block that is
 * not there is reported and left alone. */
void  module_kfree(void *p);

/* The book-keeping for `m`, at its load. 0 or -ENOMEM. */
int   module_heap_init(struct module *m) must_use;
u32   module_heap_pages(const struct module *m);	/* mapped behind the image */
