/* Pairing heap: the smallest key first; adding takes constant time, removing
 * logarithmic time in the long run (Fredman, Sedgewick, Sleator, Tarjan, "The
 * pairing heap: a new form of self-adjusting heap", 1986). Nodes are embedded in
 * their elements, nothing is allocated, nothing recurses. Pure. */
#pragma once
#include "lib/types.h"

struct pairing_node {
	u64 key;
	struct pairing_node *child;	/* the first one */
	struct pairing_node *next;	/* sibling */
	struct pairing_node *prev;	/* sibling; the first child's: its parent */
};

struct pairing_heap { struct pairing_node *root; };	/* NULL: empty */

/* Set n->key before. `n` must be in no heap. */
void pairing_add(struct pairing_heap *h, struct pairing_node *n);
/* Takes `n`, which must be in `h`, out. */
void pairing_remove(struct pairing_heap *h, struct pairing_node *n);
/* The one with the smallest key; NULL: none. */
static inline struct pairing_node *pairing_first(const struct pairing_heap *h) { return h->root; }
