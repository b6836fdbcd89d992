/* Messages. A call waits until somebody receives it and answers it; the server waits
 * until somebody calls. Whoever comes second finds the first one waiting, and moves
 * three words from registers to registers:
 *
 *	client				server
 *					receive: nobody calls, waits RECEIVING
 *	call: somebody receives
 *	  its registers = my words
 *	  wakes it on this CPU
 *	waits SERVED			runs: GOT_CALL
 *					reply_receive: my client's registers =
 *					  my words; wakes it on this CPU
 *	runs: 0				waits RECEIVING
 *
 * A call is in one state at a time, changed under ipc_lock, and ends exactly once:
 *
 *	QUEUED ----- received ----> SERVED ------ answered ----> NOT: 0
 *	   |                          |
 *	   | nobody receives here     | the server ends, forgets it, or closes
 *	   | any more                 | the CALL handle
 *	   v                          v
 *	NOT: -EPIPE                NOT: -EPIPE
 *
 * and out of both to NOT: -EINTR, when the caller is killed. (A server that is killed
 * receives no more: what is QUEUED waits for another.) Then the answer finds no
 * client, and goes nowhere:
 *
 *	client				server
 *	waits SERVED			reply: wants ipc_lock
 *	killed: awake, wants ipc_lock
 *	either:
 *	  has it: server->client = NULL
 *					has it: no client; 0
 *	or:
 *					has it: words, wait = NOT, wakes
 *	  has it: waits no more; 0
 *	ends, on its way to ring 3
 *
 * A thread that is woken may be gone as soon as ipc_lock is let go, so it is woken
 * under it; and a thread leaves the lists under it before it goes (ipc_thread_ends). How they wait is in wait.h. */
#include "ipc/wait.h"
#include "sched/sync.h"

/* -- from registers to registers --------------------------------------------------------- */

/* Caller holds ipc_lock. 0, or nothing was done: what handle_copy() says. */
static always_inline int move_words(struct user_thread *from, struct user_thread *to, u32 flags)
{
	struct words w = *from->words;

	if (unlikely(flags & MSG_GIVE)) {
		int slot = handle_copy(from->handles, w.w2, to->handles);
		if (slot < 0)
			return slot;
		w.w2 = (u32)slot;
	}
	*to->words = w;
	return 0;
}

static always_inline int got_words(u32 flags) { return flags & MSG_GIVE ? GOT_GIFT : GOT_CALL; }

/* Caller holds ipc_lock. */
static always_inline int deliver(struct user_thread *client, struct user_thread *server)
{
	int err = move_words(client, server, client->flags);

	if (unlikely(err))
		return err;
	server->regs->ebx = client->badge;
	server->client = client;
	client->server = server;
	client->wait = WAITS_SERVED;
	if (unlikely(client->task->prio > server->task->prio))
		lend(server, client->task->prio);
	return 0;
}

/* Makes room in the handle table of `t`, which may end meanwhile. ipc_lock is let go;
 * the caller looks at everything again. */
static noinline int unlock_and_make_room(struct user_thread *t)
{
	struct handle_table *table = t->handles;
	struct object *process = t->process;
	int err;

	process->refs++;
	unlock_ipc();
	err = handles_grow(table);
	object_put(process);
	return err;
}

/* -- call -------------------------------------------------------------------------------- */

/* To whoever waits for a call, or to the queue. Caller holds ipc_lock. 0: waits, and *wake
 * is to be woken, if it is not NULL. */
static always_inline int send(struct user_thread *me, struct endpoint *e, u32 badge, u32 flags,
                              struct task **wake)
{
	struct user_thread *server = first_receiver(e);
	int err;

	if (unlikely(!e->receivers_left))
		return -EPIPE;
	me->badge = badge;
	me->flags = flags;
	if (likely(server)) {
		err = deliver(me, server);
		if (unlikely(err))
			return err;
		list_del(&server->waiting);
		complete_wait(server, got_words(flags));
		*wake = server->task;
	} else {
		me->wait = WAITS_QUEUED;
		me->endpoint = e;
		list_add_tail(&e->callers, &me->waiting);
		lend(e->server, me->task->prio);
	}
	note_wait("answer\0");
	return 0;
}

int ipc_call(struct regs *r)
{
	struct user_thread *me = current->user;
	struct task *next = NULL;
	struct endpoint *e;
	u32 ebx = r->ebx, badge;
	int err;

	for (;;) {
		lock_ipc();
		e = endpoint_at(me, ebx, RIGHT_CALL, &badge);
		err = unlikely(IS_ERR(e)) ? PTR_ERR(e) : send(me, e, badge, ebx & ~HANDLE_MASK, &next);
		if (likely(!err))
			break;
		if (err != -EAGAIN) {
			unlock_ipc();
			return err;
		}
		err = unlock_and_make_room(first_receiver(e));
		if (err)
			return err;
	}
	return wake_and_wait(me, next);
}

int ipc_call_for(struct user_thread *me, struct endpoint *e, u32 badge, struct words *w)
{
	struct task *next = NULL;
	int err;

	lock_ipc();
	me->words = w;
	err = send(me, e, badge, 0, &next);
	if (!err)
		err = wake_and_wait(me, next);
	else
		unlock_ipc();
	me->words = words_of(me->regs);
	return MIN(err, 0);
}

/* -- receive ------------------------------------------------------------------------------- */

/* Whoever receives again without an answer has forgotten its client. Caller holds ipc_lock. */
static void forget_client(struct user_thread *me)
{
	if (unlikely(me->client))
		end_wait(me->client, -EPIPE);
	give_back(me);
}

static void becomes_server(struct user_thread *me, struct endpoint *e)
{
	if (likely(me->received_at == e && e->server == me))
		return;
	if (me->received_at && me->received_at->server == me)
		me->received_at->server = NULL;
	if (e->server)
		e->server->received_at = NULL;
	me->received_at = e;
	e->server = me;
}

#define MUST_WAIT 100			/* beside GOT_* */

/* There is no room for the handle that the next caller wants to give: it is told. Caller
 * holds ipc_lock, which was let go since: the endpoint may have gone, or be another. */
static noinline void refuse_gift(struct user_thread *me, u32 ebx, int err)
{
	u32 badge;
	struct endpoint *e = endpoint_at(me, ebx, RIGHT_RECEIVE, &badge);
	struct user_thread *client = IS_ERR(e) ? NULL : next_caller(e);

	if (client && client->flags & MSG_GIVE)
		end_wait(client, err);
}

/* What is there to be received. Caller holds ipc_lock. -EAGAIN: `me` has no room for
 * the handle that comes with the next call. */
static always_inline int take(struct user_thread *me, struct endpoint *e)
{
	struct user_thread *client;

	/* In turns, so that neither a flood of notifications keeps the calls, nor one of calls the interrupt. */
	if (unlikely(has_event(e)) && !(e->call_next && !list_empty(&e->callers))) {
		if (unlikely(!list_empty(&e->callers)))		/* they wait behind this */
			lend(me, next_caller(e)->task->prio);
		return take_event(e, me);
	}
	while (!list_empty(&e->callers)) {
		client = next_caller(e);
		list_del(&client->waiting);
		int err = deliver(client, me);
		if (!err) {
			e->call_next = false;
			return got_words(client->flags);
		}
		list_add(&e->callers, &client->waiting);
		if (err == -EAGAIN)
			return err;
		end_wait(client, err);		/* what it wanted to give it has not */
	}
	me->wait = WAITS_RECEIVING;
	me->endpoint = e;
	list_add_tail(&e->receivers, &me->waiting);
	note_wait("a call\0");
	return MUST_WAIT;
}

/* Caller holds ipc_lock; lets it go. `next` (may be NULL): who
 * was answered, and is to be woken. */
static always_inline int receive_and_unlock(struct user_thread *me, u32 ebx, struct task *next)
{
	struct endpoint *e;
	u32 badge;
	int got;

	for (;;) {
		e = endpoint_at(me, ebx, RIGHT_RECEIVE, &badge);
		if (unlikely(IS_ERR(e) || task_killed())) {	/* see process_end() */
			got = IS_ERR(e) ? PTR_ERR(e) : -EINTR;
			break;
		}
		becomes_server(me, e);
		got = take(me, e);
		if (likely(got != -EAGAIN))
			break;
		if (next)
			wake_task(next);
		next = NULL;
		got = unlock_and_make_room(me);
		sync_point("ipc:room");
		lock_ipc();
		if (got)
			refuse_gift(me, ebx, got);
	}
	if (got == MUST_WAIT && unlikely(ebx & MSG_NONBLOCK)) {
		stop_waiting(me);
		complete_wait(me, 0);
		got = -EAGAIN;
	}
	if (likely(got == MUST_WAIT))
		return wake_and_wait(me, next);
	if (next)
		wake_task(next);
	unlock_ipc();
	return got;
}

int ipc_receive(struct regs *r)
{
	struct user_thread *me = current->user;

	lock_ipc();
	forget_client(me);
	return receive_and_unlock(me, r->ebx, NULL);
}

/* -- reply --------------------------------------------------------------------------------- */

/* Caller holds ipc_lock. 0, also when the client has gone, and *wake is to be woken, if it
 * is not NULL; or what handle_copy() says. */
static always_inline int reply(struct user_thread *me, struct user_thread *client, u32 msg_flags,
                               struct task **wake)
{
	int err;

	if (unlikely(!client))
		return 0;
	err = move_words(me, client, msg_flags);
	if (unlikely(err))
		return err;
	stop_waiting(client);
	complete_wait(client, got_words(msg_flags));
	*wake = client->task;
	return 0;
}

/* Once answered, the CALL handle is of no use: it goes. */
int ipc_reply(struct regs *r)
{
	struct user_thread *me = current->user, *client;
	u32 nr = r->ebx & HANDLE_MASK;
	struct object *answered = NULL;
	struct task *next = NULL;
	int err;

	do {
		lock_ipc();
		client = client_at(me, nr);
		err = IS_ERR(client) ? PTR_ERR(client) : reply(me, client, r->ebx & ~HANDLE_MASK, &next);
		if (next)
			wake_task(next);
		if (!nr && !err)
			give_back(me);
		if (err == -EAGAIN)
			err = unlock_and_make_room(client) ?: -EAGAIN;
		else {
			/* Under the same lock: later the number may be another handle's. */
			if (nr && !err)
				answered = handle_remove(me->handles, nr);
			unlock_ipc();
			sync_point("ipc:answered");
		}
	} while (err == -EAGAIN);
	object_put(answered);
	return err;
}

int ipc_reply_receive(struct regs *r)
{
	struct user_thread *me = current->user;
	struct task *next = NULL;
	u32 ebx = r->ebx;
	int err;

	lock_ipc();
	err = reply(me, me->client, ebx & ~HANDLE_MASK, &next);
	while (unlikely(err)) {
		if (err == -EAGAIN)
			err = unlock_and_make_room(me->client);
		else
			unlock_ipc();
		if (err)
			return err;
		lock_ipc();
		err = reply(me, me->client, ebx & ~HANDLE_MASK, &next);
	}
	give_back(me);
	return receive_and_unlock(me, ebx, next);
}
