/* The end of a wait when it is not the short one: asleep, killed, or in vain; and who is
 * waited for meanwhile, and how urgently. */
#include "ipc/wait.h"

static struct user_thread *waits_for(const struct user_thread *t)
{
	return t->wait == WAITS_SERVED ? t->server : t->wait == WAITS_QUEUED ? t->endpoint->server : NULL;
}

/* A caller of `t` has been killed: `t` may never answer, and does not keep what was lent to it, nor does
 * the thread that it waits for. It ends: each step lowers one. Caller holds ipc_lock. */
static void take_back(struct user_thread *t)
{
	for (u32 before; t; t = waits_for(t)) {
		before = READ_ONCE(t->task->prio);
		give_back(t);
		if (READ_ONCE(t->task->prio) >= before)
			return;
	}
}

/* The state comes before the look, here and in the kill, which is the other way to
 * wake up: as with every wait (sched/wait.c). */
int wait_for_result(struct user_thread *me)
{
	while (load_acquire(&me->wait) != WAITS_NOT) {
		set_state(TASK_SLEEPING);
		if (load_acquire(&me->wait) == WAITS_NOT || unlikely(task_killed())) {
			set_state(TASK_RUNNABLE);
			break;
		}
		schedule();
	}
	if (likely(me->wait == WAITS_NOT))
		return me->result;
	lock_ipc();
	if (me->wait != WAITS_NOT) {
		const struct saved_call *saved = me->wait == WAITS_SERVED ? me->saved : NULL;
		struct user_thread *server = waits_for(me);

		stop_waiting(me);
		complete_wait(me, -EINTR);
		take_back(server);
		if (saved && saved->told)		/* there is no one left to answer */
			(void)raise_bits(saved->told, saved->bits, 0);
	}
	unlock_ipc();
	return me->result;
}

struct user_thread *next_caller(struct endpoint *e)
{
	struct user_thread *t, *best = NULL;

	list_for_each(t, &e->callers, waiting) {
		if (!best || t->task->prio > best->task->prio)
			best = t;
	}
	return best;
}

void give_back_lent(struct user_thread *me)
{
	struct user_thread *next = me->received_at ? next_caller(me->received_at) : NULL;
	u32 served = me->client ? me->client->task->prio : 0;

	task_set_call_prio(me->task, MAX(next ? next->task->prio : 0, served));
}

void end_wait(struct user_thread *t, int result)
{
	stop_waiting(t);
	complete_wait(t, result);
	wake_task(t->task);
}

/* It ends: each step raises one. */
void lend(struct user_thread *t, u32 prio)
{
	while (t && READ_ONCE(t->task->prio) < prio) {
		task_set_call_prio(t->task, prio);
		t = waits_for(t);
	}
}
