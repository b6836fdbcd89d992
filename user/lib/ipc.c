#include "user/lib/ipc.h"
#include "user/lib/syscall.h"

/* -- as a client -------------------------------------------------------------------- */

int ipc_call(u32 endpoint, u32 flags, struct message *m)
{
	u32 ebx = endpoint | flags;
	int got = syscall_words(SYS_CALL, &ebx, &m->w0, &m->w1, &m->w2);

	m->gift = got == GOT_GIFT ? m->w2 : 0;
	return MIN(got, 0);
}

/* The result is what the server said, or why it said nothing. */
static int ask(u32 endpoint, u32 flags, struct message m)
{
	int err = ipc_call(endpoint, flags, &m);

	if (m.gift)
		handle_close(m.gift);
	return err < 0 ? err : (int)m.w0;
}

int ipc_ask(u32 endpoint, u32 what, u32 w1, u32 w2)
{
	return ask(endpoint, 0, (struct message){ what, w1, w2, 0 });
}

int ipc_send(u32 endpoint, u32 what, const void *data, u32 size)
{
	return ask(endpoint, MSG_GRANT_READ, (struct message){ what, address(data), size, 0 });
}

int ipc_notify(u32 endpoint, u32 bits)
{
	return syscall(SYS_NOTIFY, endpoint, bits, 0, 0);
}

/* -- as a server -------------------------------------------------------------------- */

/* What came with `got`, the result of a receive, is dealt with. True: *c is to be answered. */
static bool deal_with(const struct server *s, void (*closed)(u32 badge), int got, struct call *c)
{
	if (got == GOT_NOTIFICATION) {
		if (s->notified)
			s->notified(c->w0);
		return false;
	}
	if (got == GOT_CLOSED) {
		if (closed)
			closed(c->badge);
		return false;
	}
	c->gift = got == GOT_GIFT ? c->w2 : 0;
	int result = s->call(c);
	if (c->gift)
		handle_close(c->gift);
	c->w0 = (u32)result;
	return result != ANSWER_LATER;
}

static int receive(const struct server *s, struct call *c)
{
	*c = (struct call){ .badge = s->endpoint };
	return syscall_words(SYS_RECEIVE, &c->badge, &c->w0, &c->w1, &c->w2);
}

/* Answers and receives the next in one system call. An answer that cannot be given (its
 * handle is none, or the caller has no room for it) becomes that error. */
static int answer_and_receive(const struct server *s, struct call *c)
{
	u32 flags = c->flags;

	c->flags = 0;
	c->badge = s->endpoint | flags;
	int got = syscall_words(SYS_REPLY_RECEIVE, &c->badge, &c->w0, &c->w1, &c->w2);
	if (got >= 0 || !flags)
		return got;
	(void)syscall(SYS_REPLY, 0, (u32)got, 0, 0);
	return receive(s, c);
}

int serve_watching(const struct server *s, void (*closed)(u32 badge))
{
	struct call c;
	int got = receive(s, &c);

	while (got >= 0)
		got = deal_with(s, closed, got, &c) ? answer_and_receive(s, &c) : receive(s, &c);
	return got;
}

int serve(const struct server *s) { return serve_watching(s, NULL); }

int serve_one(const struct server *s)
{
	struct call c;
	int got = receive(s, &c);

	if (got >= 0 && deal_with(s, NULL, got, &c) && syscall(SYS_REPLY, c.flags, c.w0, c.w1, c.w2) < 0)
		return syscall(SYS_REPLY, 0, (u32)-EIO, 0, 0);
	return got < 0 ? got : 0;
}

int ipc_copy_in(u32 offset, void *buf, u32 size)
{
	return syscall(SYS_COPY, 0, offset, address(buf), size);
}

int ipc_copy_out(u32 offset, const void *buf, u32 size)
{
	return syscall(SYS_COPY, COPY_TO_CALLER, offset, address(buf), size);
}

int ipc_keep(void)
{
	return syscall(SYS_SAVE_CALLER, 0, 0, 0, 0);
}

int ipc_keep_watched(u32 endpoint, u32 bits)
{
	return syscall(SYS_SAVE_CALLER, endpoint, bits, 0, 0);
}

/* -EPERM, when it has granted nothing: but it is there. */
bool ipc_is_waiting(u32 kept)
{
	return syscall(SYS_COPY, kept, 0, 0, 0) != -ESRCH;
}

void ipc_answer(u32 kept, u32 flags, u32 w0, u32 w1, u32 w2)
{
	if (syscall(SYS_REPLY, kept | flags, w0, w1, w2) < 0)
		handle_close(kept);	/* so that it gets -EPIPE; otherwise it is closed already */
}

int ipc_alarm(u32 endpoint, u32 bits, u32 us)
{
	return syscall(SYS_ALARM, endpoint, bits, us, 0);
}

int endpoint_create(void)
{
	return syscall(SYS_ENDPOINT, 0, 0, 0, 0);
}

int handle_dup(u32 handle, u32 rights, u32 badge)
{
	return syscall(SYS_DUP, handle, rights, badge, 0);
}

int handle_dup_masked(u32 handle, u32 rights, u32 badge, u32 mask)
{
	return syscall(SYS_DUP, handle, rights, badge, mask);
}

int handle_watch(u32 handle, u32 rights, u32 badge)
{
	return syscall(SYS_DUP, handle | DUP_WATCH, rights, badge, 0);
}

void handle_close(u32 handle)
{
	(void)syscall(SYS_CLOSE, handle, 0, 0, 0);
}
