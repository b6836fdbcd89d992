/* The first process: supervisor of the servers, and the name service. */
#pragma once
#include "user/lib/service.h"

/* A line of the table (table.c): what init starts, how, and what it may do. */
struct entry {
	const char *program;		/* in the boot archive; also what `start` calls it */
	const char *service;		/* the name by which it is found; NULL: the program's */
	const char *needs[4];		/* programs that are started first */
	const char *args;		/* NULL: none */
	u32 authority;			/* AUTH_* */
	u32 port, nr_ports;		/* I/O ports that it may use */
	u32 irq;			/* interrupt line that it may serve; 0: none */
	bool leaves;			/* ends by itself when it is told to (SERVICE_LEAVE) */
	bool at_boot;			/* otherwise when somebody says `start` */
	bool always;			/* start it again also when it ends without an error */
	bool control;			/* may start and stop others */
	bool device;			/* a driver: found by those with the right to devices only */
	u32 priority;			/* PRIORITY_*; 0: PRIORITY_NORMAL */
};

extern const struct entry table[];
extern const u32 table_len;

struct supervised {
	/* Fixed. */
	char program[SERVICE_NAME_LEN], service[SERVICE_NAME_LEN];
	u32 authority;
	const struct entry *entry;	/* NULL: the table does not know it */
	bool started;			/* also between two lives */
	/* Of one life; 0: none. */
	u32 process;			/* handle */
	u32 client, control;		/* its endpoint, as its clients have it, and as we do */
	int stopper;			/* who waits until it has ended, or 0 */
	enum service_state state;
	u32 failures;			/* without a good while in between */
	u64 born, again;		/* ns: when it was started; when it will be, or be ended */
	char last_words[96];		/* why it ended or ends; "" until it is told */
	struct service_info info;	/* what is told to others */
};

#define MAX_SUPERVISED 32
extern struct supervised supervised[MAX_SUPERVISED];
extern u32 nr_supervised;

/* Badges of init's endpoint: who calls. */
#define BADGE_CLIENT  1u
#define BADGE_CONTROL 2u
#define BADGE_DEVICES 3u		/* a client with AUTH_DEVICES: may look devices up */
#define BADGE_FAULT   0x100u		/* + index: the kernel, for one that is supervised */
/* Bits that are raised there. */
#define BIT_ENDED (1u << 0)
#define BIT_AGAIN (1u << 1)
#define BIT_GONE  (1u << 2)		/* a caller that waits for a service was ended */

extern u32 init_endpoint;

/* What the caller granted: a struct service_name. 0 or a negative error. */
int  read_name(const struct call *c, struct service_name *out) must_use;

/* -- supervise.c -------------------------------------------------------------------- */

/* Starts what the table calls so, or the program of that name, and what it needs. 0 or a
 * negative error. */
int  start_program(const char *program, u32 authority);
/* Called for the one who is served, who is answered when it has ended. */
int  stop_program(const char *program);
/* The kernel tells of a fault in number `index`; the answer to it. */
int  note_fault(u32 index, const struct call *c);
/* Some process has ended, or the time of one to be started again has come. */
void look_after_all(void);

/* -- names.c ------------------------------------------------------------------------ */

int  answer_lookup(struct call *c, bool wait);
int  answer_list(u32 index);
/* Answers those who have waited for a service that is there now. */
void service_is_there(const struct supervised *s);
/* It will not come again: those that have waited for its next life get -ENOENT. */
void service_has_gone(const struct supervised *s);
/* Drops waiters that have ended. */
void forget_waiters(void);
