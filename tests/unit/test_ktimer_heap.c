// sources: kernel/sched/pairing.c
#include "unit.h"
#include <string.h>
#include "lib/prng.h"
#include "sched/pairing.h"

#define NODES 5000

static struct pairing_heap heap;
static struct pairing_node nodes[NODES];
static bool inside[NODES];

static int start(void **state)
{
	(void)state;
	heap.root = NULL;
	memset(nodes, 0, sizeof(nodes));
	memset(inside, 0, sizeof(inside));
	return 0;
}

static void add(unsigned i, u64 key)
{
	nodes[i].key = key;
	pairing_add(&heap, &nodes[i]);
	inside[i] = true;
}

static void take(struct pairing_node *n)
{
	pairing_remove(&heap, n);
	inside[n - nodes] = false;
	assert_null(n->child);
	assert_null(n->next);
	assert_null(n->prev);
}

/* No child comes before its parent, and links lead back. */
static unsigned check_below(const struct pairing_node *n)
{
	unsigned count = 1;
	const struct pairing_node *prev = n;

	for (const struct pairing_node *c = n->child; c; prev = c, c = c->next) {
		assert_true(c->key >= n->key);
		assert_ptr_equal(c->prev, prev);
		count += check_below(c);
	}
	return count;
}

static unsigned check_heap(void)
{
	if (!heap.root)
		return 0;
	assert_null(heap.root->prev);
	assert_null(heap.root->next);
	return check_below(heap.root);
}

static u64 smallest_key(void)
{
	u64 key = ~0ull;

	for (unsigned i = 0; i < NODES; i++)
		if (inside[i] && nodes[i].key < key)
			key = nodes[i].key;
	return key;
}

static void test_one(void **state)
{
	(void)state;
	assert_null(pairing_first(&heap));
	add(0, 7);
	assert_ptr_equal(pairing_first(&heap), &nodes[0]);
	take(&nodes[0]);
	assert_null(pairing_first(&heap));
}

static void test_sorts(void **state)
{
	struct prng prng;
	u64 last = 0;

	(void)state;
	prng_seed(&prng, 1986);
	for (unsigned i = 0; i < NODES; i++)
		add(i, prng_next(&prng) % 1000);	/* many are equal */
	assert_int_equal(check_heap(), NODES);
	for (unsigned i = 0; i < NODES; i++) {
		struct pairing_node *n = pairing_first(&heap);
		assert_true(n->key >= last);
		last = n->key;
		take(n);
	}
	assert_null(pairing_first(&heap));
}

/* Keys that rise or fall make the longest rows; nothing may recurse over them. */
static void test_sorted_input(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NODES; i++)
		add(i, i);
	for (unsigned i = 0; i < NODES; i++)
		take(pairing_first(&heap));
	for (unsigned i = 0; i < NODES; i++)
		add(i, NODES - i);
	for (unsigned i = NODES; i-- > 0;) {
		assert_ptr_equal(pairing_first(&heap), &nodes[i]);
		take(&nodes[i]);
	}
}

static void test_random_removal(void **state)
{
	struct prng prng;
	unsigned count = 0;

	(void)state;
	prng_seed(&prng, 3);
	for (unsigned step = 0; step < 100000; step++) {
		unsigned i = prng_below(&prng, NODES);

		if (inside[i]) {
			take(&nodes[i]);
			count--;
		} else {
			add(i, (u64)prng_next(&prng) << prng_below(&prng, 32));
			count++;
		}
		if (step % 1000 == 0) {
			assert_int_equal(check_heap(), count);
			assert_true(!count || pairing_first(&heap)->key == smallest_key());
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_one, start),
		cmocka_unit_test_setup(test_sorts, start),
		cmocka_unit_test_setup(test_sorted_input, start),
		cmocka_unit_test_setup(test_random_removal, start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
