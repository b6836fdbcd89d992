/* What a process can have a handle of, and the handles. */
#pragma once
#include "lib/abi.h"
#include "lib/list.h"
#include "lib/types.h"
#include "smp/spinlock.h"

/* One lock for who holds what, who waits for whom, and who lives: each use of it is a
 * few dozen instructions, and up to some ten CPUs that beats anything finer (S. Peters
 * and others, "For a microkernel, a big lock is fine", APSys 2015). Any context. */
extern struct spinlock ipc_lock;

struct object;
struct badge_watch;

struct object_kind {
	const char *name;
	u32 rights;			/* all that mean something for it */
	/* A handle with these rights came, or went. Caller holds ipc_lock. NULL: nothing. */
	void (*opened)(struct object *o, u32 rights);
	void (*closed)(struct object *o, u32 rights);
	/* The last handle with a watched badge went: `w` is the kind's now. Caller holds ipc_lock. */
	void (*badge_closed)(struct object *o, struct badge_watch *w);
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

/* Of a badge whose last handle is to be reported (DUP_WATCH): shared by all copies of the handle
 * that was made with it. */
struct badge_watch {
	u32 badge;			/* fixed */
	u32 handles;			/* under ipc_lock */
	struct list node;		/* handles is 0: of its endpoint, until it is received */
};

struct handle {
	struct object *object;		/* NULL: free */
	u32 rights;
	u32 badge;			/* of an endpoint: tells the server who calls */
	u32 mask;			/* ... and which bits may be raised by this handle */
	struct badge_watch *watch;	/* NULL: the end of this badge's last handle is not reported */
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

/* What a copy is to be: never more than its original. */
struct copy_as {
	u32 rights;
	u32 badge;			/* 0: the original's; else that one needs RIGHT_RECEIVE */
	u32 mask;			/* bits that it may raise; 0: the original's */
	struct badge_watch *watch;	/* of a new badge; NULL: none. The table takes it over */
};
/* Copies handle `nr` of `from`, which needs RIGHT_GIVE, to slot `slot` (0: any) of `to`: the slot,
 * -EBADF, -EPERM, -EINVAL, -EEXIST, -EMFILE, -ENOMEM, -ESRCH. May sleep: no; not in interrupts. */
int  handle_copy_as(const struct handle_table *from, u32 nr, struct handle_table *to, u32 slot,
                    const struct copy_as *as) must_use;
/* Empties slot `nr`, under ipc_lock. Its reference is the caller's, to be put without the lock;
 * NULL: it was free. */
struct object *handle_remove(struct handle_table *t, u32 nr) must_use;

/* For messages, under ipc_lock: copies handle `nr` of `from`. The slot in `to`, -EBADF,
 * -EPERM (it lacks RIGHT_GIVE, or has RIGHT_RECEIVE, which no message carries), -ESRCH; -EAGAIN: no room; handles_grow()
 * makes some, without the lock. */
int  handle_copy(const struct handle_table *from, u32 nr, struct handle_table *to) must_use;
/* 0, -EMFILE, -ENOMEM. Makes room where there was none. */
int  handles_grow(struct handle_table *t) must_use;
/* In all processes. */
u32  handles_in_use(void);
