/* Tasks that rest, by the thousand, for an unload to look at. */
#include "lib/errno.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "shell/bench.h"
#include "shell/shell.h"
#include "x86/atomic.h"
#include "x86/clock.h"

static void sleeper_task(void *arg)
{
	struct sleepers *s = arg;
	u32 seen = READ_ONCE(s->round);

	while (!READ_ONCE(s->stop)) {
		atomic_sub(&s->awake, 1);
		(void)wait_event_core(&s->bed, s->stop || READ_ONCE(s->round) != seen, WAIT_FOREVER);
		seen = READ_ONCE(s->round);
	}
}

/* Nobody is awake but for the few instructions to the switch. */
static void wait_asleep(struct sleepers *s)
{
	while (READ_ONCE(s->awake))
		sleep_ms(1);
	sleep_ms(1);
}

int sleepers_start(struct sleepers *s, u32 nr)
{
	*s = (struct sleepers){ .task = kmalloc(MAX(nr, 1u) * sizeof(s->task[0])) };
	wait_queue_init(&s->bed, "bench");
	for (; s->task && s->nr < nr; s->nr++) {
		atomic_add(&s->awake, 1);
		struct task *t = task_create("sleeper", PRIO_NORMAL, sleeper_task, s);
		if (IS_ERR(t)) {
			atomic_sub(&s->awake, 1);
			break;
		}
		s->task[s->nr] = t;
	}
	if (s->nr < nr) {
		sleepers_stop(s);
		return shell_error(-ENOMEM, "bench: no memory for %u tasks", nr);
	}
	wait_asleep(s);
	return 0;
}

void sleepers_wake(struct sleepers *s)
{
	atomic_add(&s->awake, s->nr);
	atomic_add(&s->round, 1);
	wake_all(&s->bed);
	wait_asleep(s);
}

void sleepers_stop(struct sleepers *s)
{
	WRITE_ONCE(s->stop, true);
	wake_all(&s->bed);
	while (s->nr) {
		struct task *t = s->task[--s->nr];
		(void)!task_join(t, WAIT_FOREVER);
		task_put(t);
	}
	kfree(s->task);
	s->task = NULL;
}
