// sources: kernel/sched/runqueue.c
#include "unit.h"
#include <string.h>
#include "lib/prng.h"
#include "sched/runqueue.h"

#define QUEUES 64
#define TASKS  10000

struct job {
	struct rq_node node;
	unsigned id, level, queue;
	unsigned long born;		/* order within its level */
};

static struct runqueue queues[QUEUES];
static struct job jobs[TASKS];

static struct job *first(struct runqueue *q)
{
	struct rq_node *n = runqueue_first(q);

	return n ? container_of(n, struct job, node) : NULL;
}

static int start(void **state)
{
	(void)state;
	for (int i = 0; i < QUEUES; i++)
		runqueue_init(&queues[i]);
	memset(jobs, 0, sizeof(jobs));
	for (unsigned i = 0; i < TASKS; i++) {
		jobs[i].id = i;
		rq_node_init(&jobs[i].node);
	}
	return 0;
}

static void test_empty(void **state)
{
	(void)state;
	assert_null(runqueue_first(&queues[0]));
	assert_int_equal(runqueue_highest(&queues[0]), -1);
	assert_int_equal(queues[0].nr, 0);
	assert_false(rq_node_queued(&jobs[0].node));
}

static void test_highest_first_then_in_order(void **state)
{
	struct runqueue *q = &queues[0];
	const unsigned level[] = { 3, 31, 0, 3, 31, 16 };
	const unsigned order[] = { 1, 4, 5, 0, 3, 2 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(level); i++)
		runqueue_add(q, &jobs[i].node, level[i]);
	assert_int_equal(q->nr, ARRAY_SIZE(level));
	for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
		struct job *j = first(q);
		assert_int_equal(j->id, order[i]);
		assert_int_equal(runqueue_highest(q), level[j->id]);
		runqueue_remove(q, &j->node);
		assert_false(rq_node_queued(&j->node));
	}
	assert_int_equal(q->occupied, 0);
}

static void test_add_first_goes_ahead(void **state)
{
	struct runqueue *q = &queues[0];

	(void)state;
	runqueue_add(q, &jobs[0].node, 5);
	runqueue_add_first(q, &jobs[1].node, 5);
	runqueue_add_first(q, &jobs[2].node, 4);
	assert_int_equal(first(q)->id, 1);
	assert_ptr_equal(runqueue_next(q, &jobs[1].node), &jobs[0].node);
	assert_ptr_equal(runqueue_next(q, &jobs[0].node), &jobs[2].node);
	assert_null(runqueue_next(q, &jobs[2].node));
}

static void test_remove_from_the_middle(void **state)
{
	struct runqueue *q = &queues[0];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		runqueue_add(q, &jobs[i].node, 9);
	runqueue_remove(q, &jobs[1].node);
	assert_int_equal(q->occupied, 1u << 9);
	runqueue_remove(q, &jobs[0].node);
	assert_int_equal(first(q)->id, 2);
	runqueue_remove(q, &jobs[2].node);
	assert_int_equal(q->occupied, 0);
	assert_int_equal(q->nr, 0);
}

/* Everything that a queue says of itself, against what is in it. */
static void check_queue(unsigned nr)
{
	struct runqueue *q = &queues[nr];
	unsigned count = 0, occupied = 0;
	struct job *last = NULL;

	for (struct rq_node *n = runqueue_first(q); n; n = runqueue_next(q, n)) {
		struct job *j = container_of(n, struct job, node);
		assert_int_equal(j->queue, nr);
		assert_int_equal(j->level, n->level);
		if (last)
			assert_true(j->level < last->level ||
			            (j->level == last->level && j->born > last->born));
		occupied |= 1u << j->level;
		count++;
		last = j;
	}
	assert_int_equal(count, q->nr);
	assert_int_equal(occupied, q->occupied);
}

/* 10,000 tasks on 64 queues, added, removed, run and moved at random. */
static void test_many_tasks_on_many_queues(void **state)
{
	struct prng prng;
	unsigned long clock = 0, queued = 0;

	(void)state;
	prng_seed(&prng, 2002);
	for (unsigned step = 0; step < 400000; step++) {
		struct job *j = &jobs[prng_below(&prng, TASKS)];

		if (rq_node_queued(&j->node)) {
			runqueue_remove(&queues[j->queue], &j->node);
			queued--;
			if (prng_below(&prng, 3) == 0)
				continue;
		}
		j->queue = prng_below(&prng, QUEUES);
		j->level = prng_below(&prng, RUNQUEUE_LEVELS);
		j->born = ++clock;
		runqueue_add(&queues[j->queue], &j->node, j->level);
		queued++;
	}
	for (unsigned i = 0; i < QUEUES; i++) {
		check_queue(i);
		queued -= queues[i].nr;
	}
	assert_int_equal(queued, 0);
	for (unsigned i = 0; i < QUEUES; i++)
		while (first(&queues[i]))
			runqueue_remove(&queues[i], &first(&queues[i])->node);
	for (unsigned i = 0; i < TASKS; i++)
		assert_false(rq_node_queued(&jobs[i].node));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_empty, start),
		cmocka_unit_test_setup(test_highest_first_then_in_order, start),
		cmocka_unit_test_setup(test_add_first_goes_ahead, start),
		cmocka_unit_test_setup(test_remove_from_the_middle, start),
		cmocka_unit_test_setup(test_many_tasks_on_many_queues, start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
