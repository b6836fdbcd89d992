/* Services by name. init is the name service: it makes an endpoint for each life of a server that
 * it starts. A look-up while the server is started again waits for the new one; an endpoint of
 * the old one is good for nothing any more (-EPIPE). */
#pragma once
#include "user/lib/ipc.h"

#define SERVICE_NAME_LEN 24

/* An endpoint of the service, or a negative error: -ENOENT (no server offers it); -EPERM: it is a
 * device, and our parent did not give us the right to devices (AUTH_DEVICES). */
int service_lookup(const char *name) must_use;
/* The same, but waits until a server does, however many others wait. */
int service_wait(const char *name) must_use;

/* A service that is used again and again. */
struct service {
	const char *name;
	u32 endpoint;			/* 0: not looked up yet */
};

/* ipc_call() that looks the name up when need be. -EPIPE: the server ended before it
 * answered; whether to ask again is for the caller to say, who knows what it would mean to
 * have it done twice. The next call finds the new server. */
int service_call(struct service *s, u32 flags, struct message *m) must_use;

/* -- what a server is told ---------------------------------------------------------- */

/* Its arguments, when it is started again after a failure, begin with this word. */
#define ARG_AGAIN "again"
/* Raised at HANDLE_SERVICE of one whose line in init's table says so (leaves): it is to
 * leave everything in order and end. One that does not within a second is ended. */
#define SERVICE_LEAVE (1u << 31)
/* The bits that clients may raise there: their handles are for these. The rest is init's, the
 * kernel's and the server's own. */
#define SERVICE_CLIENT_BITS 0xffffu

/* -- what init answers to (user/init) ----------------------------------------------- */

enum init_call {		/* w0 */
	INIT_LOOKUP = 1,	/* grant: struct service_name. Answer: w2 is an endpoint, given */
	INIT_WAIT,		/* the same; waits */
	INIT_LIST,		/* | index << 8, grant to write: struct service_info */
	INIT_START,		/* by HANDLE_CONTROL. grant: struct service_name */
	INIT_STOP,
};

struct service_name {
	char name[SERVICE_NAME_LEN];
	u32 authority;		/* of INIT_START: AUTH_*, for a program that init's table does not know */
};

enum service_state { SERVICE_STOPPED, SERVICE_RUNNING, SERVICE_WAITING, SERVICE_GIVEN_UP };

struct service_info {
	char name[SERVICE_NAME_LEN], program[SERVICE_NAME_LEN];
	u32 state, task, restarts;
};
