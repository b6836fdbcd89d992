/* Messages: calls, answers, notifications. message.c is the page to read. */
#pragma once
#include "ipc/object.h"
#include "lib/list.h"
#include "sched/ktimer.h"
#include "x86/regs.h"

/* The words of a message as they lie in struct regs: a caller's registers are the
 * message, and are written to the server's. */
struct words { u32 w1, w0, w2; };
_Static_assert(offsetof(struct regs, edi) + 4 == offsetof(struct regs, esi) &&
               offsetof(struct regs, edi) + 8 == offsetof(struct regs, ebp), "struct words");
static inline struct words *words_of(struct regs *r) { return (struct words *)&r->edi; }

enum thread_wait {
	WAITS_NOT,
	WAITS_QUEUED,			/* its call has not been received yet */
	WAITS_SERVED,			/* `server` has it, or the CALL object `saved` */
	WAITS_RECEIVING,
};

/* What a thread of a process is besides a task. */
struct user_thread {
	/* Fixed. */
	struct task *task;		/* a reference */
	struct object *process;		/* user/ knows more of it */
	struct handle_table *handles;	/* its process's */
	struct regs *regs;		/* of ring 3, at the top of its kernel stack */

	/* Under ipc_lock. */
	struct list node;		/* of its process */
	enum thread_wait wait;		/* read without when it is woken: written last */
	int result;			/* of the wait */
	struct endpoint *endpoint;	/* QUEUED, RECEIVING: where */
	struct list waiting;		/* there */
	struct words *words;		/* what it says, and where the answer goes */
	u32 flags;			/* MSG_*, of its call */
	u32 badge;
	struct user_thread *server;	/* SERVED: by whom; or NULL ... */
	struct saved_call *saved;	/* ... and this */
	struct user_thread *client;	/* whom it serves: that one's `server` */
	struct endpoint *received_at;	/* the last; that one's `server` */

	/* Its own. */
	bool interrupted;		/* killed while a command of the kernel ran for it */
	struct file_object *in_file;	/* of whose driver a function runs for it, with that
					 * file's lock; NULL: none */
	void *piece;			/* of the core's memory, lent to that function */
};

struct endpoint {
	struct object object;
	/* Under ipc_lock. */
	u32 receivers_left;		/* handles with RIGHT_RECEIVE; 0: nobody answers here */
	u32 bits, badges;		/* notifications since the last one was received, and by whom */
	struct list closed;		/* badge_watch.node: badges that have no handle any more */
	bool call_next;			/* the last one received was an event: calls go first now */
	bool bits_next;			/* the last event was a closed badge: bits go first now */
	struct list callers, receivers;	/* user_thread.waiting; never both */
	struct user_thread *server;	/* who received last: callers lend it their priority */
	u32 alarm_bits;
	struct ktimer alarm;
};

extern const struct object_kind endpoint_kind, saved_call_kind;

/* With one reference, and nobody who receives yet. NULL: no memory. */
struct endpoint *endpoint_new(void) must_use;

/* -- the system calls, with the registers of the calling thread (lib/abi.h). Interrupts on,
 * may sleep. */
int  ipc_call(struct regs *r);
int  ipc_receive(struct regs *r);
int  ipc_reply(struct regs *r);
int  ipc_reply_receive(struct regs *r);
int  ipc_save_caller(struct regs *r);
int  ipc_notify_by_handle(struct regs *r);

/* A call that the kernel makes in the name of `me`, with words of its own; 0 or an error. */
int  ipc_call_for(struct user_thread *me, struct endpoint *e, u32 badge, struct words *w);

/* Raises bits in the name of `badge`. Any context. -EPIPE: no receiver is left. */
int  ipc_notify(struct endpoint *e, u32 bits, u32 badge);
/* How many there are. */
u32  endpoints_in_use(void);
/* Notifies after so many ns; 0: never mind. Task context. */
void ipc_alarm(struct endpoint *e, u32 bits, u64 ns);

/* The thread is to end: whom it serves gets -EPIPE. */
void ipc_thread_ends(struct user_thread *me);

/* Who is served by `me` (nr 0) or saved as CALL handle `nr`: its words and flags, and its
 * process, with a reference in *process. 0, -EBADF, -EINVAL; -ESRCH: it has gone. */
int  ipc_client(struct user_thread *me, u32 nr, struct words *w, u32 *flags,
                struct object **process) must_use;
