// sources:
#include "unit.h"
#include "lib/list.h"
#include "lib/ring.h"

struct item {
	int n;
	struct list node;
};

static void expect_order(struct list *head, int count, const int *want)
{
	struct item *it;
	int i = 0;

	list_for_each(it, head, node) {
		assert_true(i < count);
		assert_int_equal(it->n, want[i++]);
		assert_ptr_equal(it->node.next->prev, &it->node);
	}
	assert_int_equal(i, count);
}

static void test_add_and_delete(void **state)
{
	struct list head = LIST_INIT(head);
	struct item a = { .n = 1 }, b = { .n = 2 }, c = { .n = 3 };

	(void)state;
	assert_true(list_empty(&head));
	list_add(&head, &a.node);
	list_add(&head, &b.node);
	list_add_tail(&head, &c.node);
	expect_order(&head, 3, (int[]){ 2, 1, 3 });
	assert_ptr_equal(list_first(&head, struct item, node), &b);
	list_del(&a.node);
	list_del(&a.node);			/* harmless twice */
	assert_true(list_empty(&a.node));
	expect_order(&head, 2, (int[]){ 2, 3 });
	list_del(&b.node);
	list_del(&c.node);
	assert_true(list_empty(&head));
}

static void test_splice(void **state)
{
	struct list to = LIST_INIT(to), from = LIST_INIT(from);
	struct item it[4] = { { .n = 0 }, { .n = 1 }, { .n = 2 }, { .n = 3 } };

	(void)state;
	list_splice_tail(&to, &from);		/* nothing to nothing */
	assert_true(list_empty(&to));
	list_add_tail(&to, &it[0].node);
	for (int i = 1; i < 4; i++)
		list_add_tail(&from, &it[i].node);
	list_splice_tail(&to, &from);
	expect_order(&to, 4, (int[]){ 0, 1, 2, 3 });
	assert_true(list_empty(&from));
	list_splice_tail(&to, &from);
	expect_order(&to, 4, (int[]){ 0, 1, 2, 3 });
	list_splice_tail(&from, &to);
	expect_order(&from, 4, (int[]){ 0, 1, 2, 3 });
}

static void test_unlink_while_walking(void **state)
{
	struct list head = LIST_INIT(head);
	struct item it[5], *pos, *tmp;

	(void)state;
	for (int i = 0; i < 5; i++) {
		it[i].n = i;
		list_add_tail(&head, &it[i].node);
	}
	list_for_each_safe(pos, tmp, &head, node)
		if (pos->n % 2 == 0)
			list_del(&pos->node);
	expect_order(&head, 2, (int[]){ 1, 3 });
}

static void test_ring_fills_and_drains(void **state)
{
	struct ring r;
	u8 buf[4], byte;

	(void)state;
	ring_init(&r, buf, sizeof(buf));
	assert_false(ring_get(&r, &byte));
	for (u8 i = 0; i < 4; i++)
		assert_true(ring_put(&r, i));
	assert_false(ring_put(&r, 99));
	assert_int_equal(ring_used(&r), 4);
	for (u8 i = 0; i < 4; i++) {
		assert_true(ring_get(&r, &byte));
		assert_int_equal(byte, i);
	}
	assert_false(ring_get(&r, &byte));
}

static void test_ring_indices_wrap(void **state)
{
	struct ring r;
	u8 buf[8], byte;

	(void)state;
	ring_init(&r, buf, sizeof(buf));
	r.head = r.tail = UINT32_MAX - 20;
	for (int i = 0; i < 100; i++) {
		assert_true(ring_put(&r, (u8)i));
		assert_true(ring_put(&r, (u8)(i + 1)));
		assert_int_equal(ring_used(&r), 2);
		assert_true(ring_get(&r, &byte));
		assert_int_equal(byte, (u8)i);
		assert_true(ring_get(&r, &byte));
		assert_int_equal(byte, (u8)(i + 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_and_delete),
		cmocka_unit_test(test_splice),
		cmocka_unit_test(test_unlink_while_walking),
		cmocka_unit_test(test_ring_fills_and_drains),
		cmocka_unit_test(test_ring_indices_wrap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
