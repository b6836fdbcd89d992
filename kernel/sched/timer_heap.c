#include "sched/timer_heap.h"

/* `child` leads to the first child, `next` to the next sibling; `prev` leads
 * back to the previous sibling or, from a first child, to the parent. */

static struct ktimer *meld(struct ktimer *a, struct ktimer *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	/* At equal deadlines who came first stays first. */
	if ((s64)(b->deadline - a->deadline) < 0) {
		struct ktimer *swap = a;
		a = b;
		b = swap;
	}
	b->next = a->child;
	b->prev = a;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	a->next = NULL;
	a->prev = NULL;
	return a;
}

/* Melds siblings in pairs, then the pairs from the last to the first: without
 * recursion, for the stack is small. */
static struct ktimer *meld_siblings(struct ktimer *list)
{
	struct ktimer *pairs = NULL, *all = NULL;

	while (list) {
		struct ktimer *a = list, *b = a->next;
		list = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct ktimer *one = pairs;
		pairs = one->next;
		one->next = NULL;
		all = meld(all, one);
	}
	return all;
}

struct ktimer *timer_heap_add(struct ktimer *first, struct ktimer *t)
{
	t->child = t->next = t->prev = NULL;
	return meld(first, t);
}

struct ktimer *timer_heap_remove(struct ktimer *first, struct ktimer *t)
{
	struct ktimer *rest = meld_siblings(t->child);

	t->child = NULL;
	if (t == first)
		return rest;
	if (t->prev->child == t)
		t->prev->child = t->next;
	else
		t->prev->next = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->next = t->prev = NULL;
	return meld(first, rest);
}
