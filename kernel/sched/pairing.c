#include "sched/pairing.h"

/* The root with the smaller key takes the other as its first child. */
static struct pairing_node *meld(struct pairing_node *a, struct pairing_node *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	if (b->key < a->key) {
		struct pairing_node *swap = a;
		a = b;
		b = swap;
	}
	b->prev = a;
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	a->child = b;
	return a;
}

static void make_root(struct pairing_node *n)
{
	n->next = NULL;
	n->prev = NULL;
}

/* Melds a row of siblings in pairs, first to last, then the pairs, last to
 * first: that is what keeps the heap flat. */
static struct pairing_node *meld_siblings(struct pairing_node *first)
{
	struct pairing_node *pairs = NULL, *all = NULL;

	while (first) {
		struct pairing_node *a = first, *b = a->next;
		first = b ? b->next : NULL;
		make_root(a);
		if (b)
			make_root(b);
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct pairing_node *pair = pairs;
		pairs = pair->next;
		make_root(pair);
		all = meld(all, pair);
	}
	return all;
}

void pairing_add(struct pairing_heap *h, struct pairing_node *n)
{
	n->child = NULL;
	make_root(n);
	h->root = meld(h->root, n);
}

static void cut_from_parent(struct pairing_node *n)
{
	if (n->prev->child == n)
		n->prev->child = n->next;
	else
		n->prev->next = n->next;
	if (n->next)
		n->next->prev = n->prev;
}

void pairing_remove(struct pairing_heap *h, struct pairing_node *n)
{
	struct pairing_node *children = meld_siblings(n->child);

	if (n == h->root) {
		h->root = children;
	} else {
		cut_from_parent(n);
		h->root = meld(h->root, children);
	}
	n->child = NULL;
	make_root(n);
}
