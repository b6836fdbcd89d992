/* Which spin locks CPUs wait for, and which is held longest. Counted while it is on. */
#pragma once
#include "lib/types.h"

#define LOCKSTAT_NAME_LEN 16
#define LOCKSTAT_MAX      32u	/* names; what comes later is counted as "others" */

struct lockstat {			/* of all locks of one name */
	char name[LOCKSTAT_NAME_LEN];
	u32 waits;			/* how often a CPU found it taken */
	u32 longest;			/* of these waits, TSC cycles */
	u32 waiter, holder;		/* who waited so long, who held it meanwhile: return addresses */
};

struct longest_hold {
	char name[LOCKSTAT_NAME_LEN];
	u32 cycles;			/* TSC; 0: this build does not measure it (DEBUG=1 does) */
	u32 holder;			/* return address of spin_lock() */
};

extern bool lockstat_on;		/* atomic; for spinlock.c */

/* From zero. Any context. */
void lockstat_start(void);
void lockstat_stop(void);
/* The name that was waited for most often, the next, ...; false past the last. After lockstat_stop(). */
bool lockstat_nth(u32 i, struct lockstat *out);
struct longest_hold lockstat_longest_hold(void);

/* spinlock.c: a CPU has waited for `cycles`. Any context, whatever is held. */
void lockstat_waited(const char *name, u64 cycles, u32 waiter, u32 holder);
/* A lock was held for `cycles`. Any context. */
void lockstat_held(const char *name, u64 cycles, u32 holder);
