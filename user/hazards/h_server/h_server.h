/* Of the servers that `hazard` ends, and of who ends them. */
#pragma once
#include "lib/string.h"
#include "user/lib/ipc.h"

extern const char *mode;		/* what is staged */
extern u32 quarter_us;			/* a quarter of a second, longer when deadlines are */

static inline bool is(const char *name) { return streq(mode, name); }

/* What a client calls for. */
enum { CALL_STAGED, CALL_PING, CALL_MEMORY };

/* The bits that the director hears of server i. */
#define MAX_SERVERS 8u
#define BIT_AT(i)    (1u << (i))	/* it is where it hurts */
#define BIT_ENDED(i) (1u << (8 + (i)))

/* served.c: the server, which is the i-th. */
int serve_clients(u32 i);
/* The clock chip interrupts, or no longer. */
void clock_set(bool ticks);
/* director.c: 0 or what went wrong. */
int direct(void);
/* A client that is a process. */
int be_client(void);
