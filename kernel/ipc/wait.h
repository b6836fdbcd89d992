/* Threads that wait for a message or for an answer: what the files of ipc/ share. */
#pragma once
#include "ipc/endpoint.h"
#include "lib/errno.h"
#include "sched/rq.h"
#include "x86/atomic.h"

/* A caller that was saved, to be answered later. It has one handle, which cannot be
 * given away. */
struct saved_call {
	struct object object;
	struct user_thread *client;	/* under ipc_lock; NULL: it has gone */
	/* Fixed: where it is reported that the caller ended without an answer; NULL: nowhere. A reference. */
	struct endpoint *told;
	u32 bits;
};

static inline struct endpoint *to_endpoint(struct object *o) { return container_of(o, struct endpoint, object); }

/* In a system call interrupts are on, so there is nothing to save. */
static always_inline void lock_ipc(void)
{
	irq_disable();
	spin_lock(&ipc_lock);
}

static always_inline void unlock_ipc(void) { spin_unlock_irqrestore(&ipc_lock, EFLAGS_IF); }

/* Caller holds ipc_lock. The endpoint behind handle `nr`, or an error. */
static always_inline struct endpoint *endpoint_at(const struct user_thread *me, u32 nr, u32 right,
                                                  u32 *badge)
{
	struct handle *h = handle_at(me->handles, nr & HANDLE_MASK);

	if (unlikely(!h))
		return ERR_PTR(-EBADF);
	if (unlikely(h->object->kind != &endpoint_kind))
		return ERR_PTR(-EINVAL);
	if (unlikely(!(h->rights & right)))
		return ERR_PTR(-EPERM);
	*badge = h->badge;
	return to_endpoint(h->object);
}

/* Caller holds ipc_lock. */
static inline struct user_thread *first_receiver(struct endpoint *e)
{
	return list_empty(&e->receivers) ? NULL : list_first(&e->receivers, struct user_thread, waiting);
}

/* Caller holds ipc_lock, and may no more touch `t` once it has let it go. */
static always_inline void complete_wait(struct user_thread *t, int result)
{
	t->result = result;
	store_release(&t->wait, WAITS_NOT);
}

/* Nobody finds `t` any more: neither its endpoint nor its server. Caller holds ipc_lock. */
static inline void stop_waiting(struct user_thread *t)
{
	if (t->wait != WAITS_SERVED) {
		list_del(&t->waiting);
		return;
	}
	if (t->server)
		t->server->client = NULL;
	if (t->saved)
		t->saved->client = NULL;
	t->server = NULL;
	t->saved = NULL;
}

/* Takes `t`, which waits somehow, out of its wait and wakes it. Caller holds ipc_lock. */
void end_wait(struct user_thread *t, int result);

/* Task context; ipc_lock is not held. What the wait was completed with; -EINTR: killed. */
int  wait_for_result(struct user_thread *me);

/* Lets ipc_lock go, and waits. `next`: who is to be woken first, and runs while `me` waits;
 * NULL: nobody. */
static always_inline int wake_and_wait(struct user_thread *me, struct task *next)
{
	if (likely(schedule_to(next, &ipc_lock))) {
		irq_enable();
		if (likely(load_acquire(&me->wait) == WAITS_NOT))
			return me->result;
	} else {
		if (next)
			wake_task_here(next);
		unlock_ipc();
	}
	return wait_for_result(me);
}

/* For `ps`: what it waits for, and that this is no module's business. */
static always_inline void note_wait(const char what[8])
{
	__builtin_memcpy(current->waiting_for, what, 8);
	current->wait_caller = 0;
}

/* Who is waited for runs at least at the priority of who waits, and so does who that
 * one waits for. Caller holds ipc_lock. */
void lend(struct user_thread *t, u32 prio);

/* Of those who came first to `e`, the most urgent; NULL: nobody calls. Caller holds ipc_lock. */
struct user_thread *next_caller(struct endpoint *e);

/* One that it served is gone; those that it serves or that are queued for it lend on. Caller holds ipc_lock. */
void give_back_lent(struct user_thread *me);
static always_inline void give_back(struct user_thread *me)
{
	if (unlikely(me->task->call_prio))
		give_back_lent(me);
}

/* Caller holds ipc_lock. Whom CALL handle `nr` saves (0: whom `me` serves), NULL: it has gone;
 * -EBADF, -EINVAL. */
struct user_thread *client_at(struct user_thread *me, u32 nr);
/* The first event that waits at `e` goes to `me`, the rest at `e` waits on: GOT_CLOSED or
 * GOT_NOTIFICATION, with the words and the badge in its registers. Caller holds ipc_lock. */
int  take_event(struct endpoint *e, struct user_thread *me);
static always_inline bool has_event(const struct endpoint *e) { return e->bits || !list_empty(&e->closed); }
/* An event is pending at `e`: wakes a waiting receiver with it. Caller holds ipc_lock. */
void tell_receiver(struct endpoint *e);
/* Caller holds ipc_lock. 0 or -EPIPE. */
int  raise_bits(struct endpoint *e, u32 bits, u32 badge);
/* Of endpoint.alarm. */
void alarm_rings(struct ktimer *t);
