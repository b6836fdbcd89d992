/* Messages: calls and their answers, notifications.
 *
 * By convention the first word of a call says what is wanted, and that of the answer is
 * 0 or more, or a negative error. */
#pragma once
#include "lib/abi.h"
#include "lib/errno.h"
#include "lib/types.h"

/* -- as a client -------------------------------------------------------------------- */

struct message {
	u32 w0, w1, w2;
	u32 gift;			/* the handle that came with the answer; 0: none, whatever w2 says */
};

/* Calls and waits: the words of the answer replace those of *m. `flags`: MSG_GRANT_READ,
 * MSG_GRANT_WRITE (w1 and w2 are an address and a length then), MSG_GIVE (w2 is a handle).
 * A gift is the caller's to close. 0; -EPIPE: nobody answered, because the server has ended
 * (it may have done what was asked for, or not); -EPERM, -EBADF: of the endpoint. */
int  ipc_call(u32 endpoint, u32 flags, struct message *m) must_use;
/* The same for calls that get nothing back but the first word, which is the result. */
int  ipc_ask(u32 endpoint, u32 what, u32 w1, u32 w2) must_use;
/* Asks with `size` bytes at `data` that the server may read. */
int  ipc_send(u32 endpoint, u32 what, const void *data, u32 size) must_use;
/* Raises bits at an endpoint, of those that the handle is for. Never waits. 0; -EPERM; -EPIPE. */
int  ipc_notify(u32 endpoint, u32 bits);

/* -- as a server -------------------------------------------------------------------- */

/* A call that came in, and what is answered to it. */
struct call {
	u32 badge;			/* of the handle it came by: who calls */
	u32 w0, w1, w2;			/* its words; w1 and w2 are answered as they are left */
	u32 flags;			/* of the answer: MSG_GIVE: w2 is a handle */
	u32 gift;			/* the handle that came with it, 0: none, whatever w2 says. It is
					 * closed after the call; who keeps it writes 0 here */
};

/* Result of server.call: it is not answered now (see ipc_keep). */
#define ANSWER_LATER ((int)0x80000000)

struct server {
	u32 endpoint;
	/* Does what the call asks for. The result becomes w0 of the answer. */
	int  (*call)(struct call *c);
	/* Bits that were raised; NULL: none are expected. */
	void (*notified)(u32 bits);
};

/* Answers calls and notifications, one after the other. Returns the error that ended
 * it: the endpoint is no such thing. */
int  serve(const struct server *s);
/* The same, and calls closed(badge) when that badge has no handle left (handle_watch()). */
int  serve_watching(const struct server *s, void (*closed)(u32 badge));

/* One step of it, for who waits for other things as well. Takes the next call or
 * notification, waiting for it. 0 or a negative error. */
int  serve_one(const struct server *s) must_use;

/* Copies from or to what the caller granted, from its byte `offset` on. Bytes copied, or
 * -EFAULT: so much was not granted. */
int  ipc_copy_in(u32 offset, void *buf, u32 size) must_use;
int  ipc_copy_out(u32 offset, const void *buf, u32 size) must_use;

/* Keeps the caller waiting, to be answered later: a handle for ipc_answer(), or a negative
 * error. server.call then returns ANSWER_LATER. */
int  ipc_keep(void) must_use;
/* The same; if the caller is ended before the answer, `bits` are raised at `endpoint`, where we receive. */
int  ipc_keep_watched(u32 endpoint, u32 bits) must_use;
/* Is the kept caller still there? */
bool ipc_is_waiting(u32 kept);
/* Answers a kept caller and closes its handle. If it has gone, the answer goes nowhere. */
void ipc_answer(u32 kept, u32 flags, u32 w0, u32 w1, u32 w2);

/* Raises `bits` at the endpoint in `us` microseconds, in place of the last such wish. */
int  ipc_alarm(u32 endpoint, u32 bits, u32 us);

/* A new endpoint with all rights, or a negative error. */
int  endpoint_create(void) must_use;
/* A handle for the same thing, with these rights and, if not 0, this badge; or an error. */
int  handle_dup(u32 handle, u32 rights, u32 badge) must_use;
/* The same, for an endpoint, with no other bits to be raised than those of `mask`. */
int  handle_dup_masked(u32 handle, u32 rights, u32 badge, u32 mask) must_use;
/* The same, with a badge whose end is reported at the endpoint (serve_watching()). */
int  handle_watch(u32 handle, u32 rights, u32 badge) must_use;
void handle_close(u32 handle);
