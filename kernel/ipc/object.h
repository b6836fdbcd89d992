/* What a process can have a handle of, and the handles. */
#pragma once
#include "lib/abi.h"
#include "lib/types.h"
#include "smp/spinlock.h"

/* One lock for who holds what, who waits for whom, and who lives: each use of it is a
 * few dozen instructions, and up to some ten CPUs that beats anything finer (S. Peters
 * and others, "For a microkernel, a big lock is fine", APSys 2015). Any context. */
extern struct spinlock ipc_lock;

struct object;

struct object_kind {
	const char *name;
	u32 rights;			/* all that mean something for it */
	/* A handle with these rights came, or went. Caller holds ipc_lock. NULL: nothing. */
	void (*opened)(struct object *o, u32 rights);
	void (*closed)(struct object *o, u32 rights);
	/* The last reference went. May sleep; no lock is held. */
	void (*destroy)(struct object *o);
};

struct object {			/* first in whatever it is */
	const struct object_kind *kind;
	u32 refs;			/* under ipc_lock */
};

/* With one reference, the caller's. */
static inline void object_init(struct object *o, const struct object_kind *kind)
{
	*o = (struct object){ kind, 1 };
}

void object_get(struct object *o);
/* May sleep, as the last reference ends the object. NULL: nothing to do. */
void object_put(struct object *o);

struct handle {
	struct object *object;		/* NULL: free */
	u32 rights;
	u32 badge;			/* of an endpoint: tells the server who calls */
};

/* All under ipc_lock. */
struct handle_table {
	struct handle *slot;
	u32 nr_slots, nr_used;
	u32 next_free;			/* none below it is free, HANDLE_FIRST_FREE and up */
	bool closed;			/* its process has ended: nothing comes in */
};

/* 0 or -ENOMEM. */
int  handles_init(struct handle_table *t) must_use;
/* Puts all handles away, for good. May sleep. */
void handles_close_all(struct handle_table *t);

/* The handle in use at `nr`, or NULL. Caller holds ipc_lock. */
static inline struct handle *handle_at(const struct handle_table *t, u32 nr)
{
	return nr < t->nr_slots && t->slot[nr].object ? &t->slot[nr] : NULL;
}

/* What handle `nr` stands for, with a reference: -EBADF; -EINVAL: not of this kind
 * (NULL: any); -EPERM: lacks one of `rights`. *out (may be NULL) is a copy of the
 * handle. Any context. */
struct object *handle_get(const struct handle_table *t, u32 nr, const struct object_kind *kind,
                          u32 rights, struct handle *out) must_use;
/* A new handle, which takes a reference of its own, in slot `nr` (0: any): the slot,
 * -EEXIST, -EMFILE, -ENOMEM, -ESRCH (the process has ended). Does not sleep, but not
 * from interrupts. */
int  handle_add(struct handle_table *t, u32 nr, struct object *o, u32 rights, u32 badge) must_use;
/* 0 or -EBADF. May sleep. */
int  handle_close(struct handle_table *t, u32 nr) must_use;

/* For messages, under ipc_lock: copies handle `nr` of `from`. The slot in `to`, -EBADF,
 * -EPERM, -ESRCH; -EAGAIN: no room; handles_grow() makes some, without the lock. */
int  handle_copy(const struct handle_table *from, u32 nr, struct handle_table *to) must_use;
/* 0, -EMFILE, -ENOMEM. Makes room where there was none. */
int  handles_grow(struct handle_table *t) must_use;
/* In all processes. */
u32  handles_in_use(void);
