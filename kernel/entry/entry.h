/* The registry of every way into a module's code, and of every record that leads into its
 * memory. The core allocates and owns each record, so it can close them all without the
 * module's help, and a record outlives the code that it leads to.
 *
 * A record belongs to every module that it leads into: by its function, its argument or
 * private data, its buffer, and to the one that made it. When one of them goes, the record
 * is closed, listed and taken back; it is open only while none of them has it closed.
 *
 * An argument is taken for what it looks like: a word that lies in a module's range leads
 * there, any other (a number, NULL, an address of the core) leads nowhere. */
#pragma once
#include "entry/owner.h"

struct entry;

/* The order of locks: registry_lock, then a kind's own. */
#define RANK_ENTRY_KIND (RANK_ENTRY + 1)

struct entry_ops {
	const char *kind;		/* "irq", "timer" ... */
	/* Leads newcomers to a core stub and keeps what arrives. Destroys nothing.
	 * Idempotent. May not sleep (registry_lock is held). */
	void (*close)(struct entry *e);
	/* Undoes close() and replays what arrived meanwhile. As close(): may not
	 * sleep, and calls nothing in the module by itself. */
	void (*reopen)(struct entry *e);
	/* What reopen() has to leave for later (it sets resume_due): may sleep. NULL:
	 * nothing ever. */
	void (*resume)(struct entry *e);
	/* Takes the record out of every list that leads to it; it is not found any more, and
	 * its function does not run any more. Frees nothing. May sleep. */
	void (*unlink)(struct entry *e);
	/* Frees the record; all CPUs have answered an IPI since unlink(). May sleep. */
	void (*free)(struct entry *e);
	/* One line for `lsmod -v` and for reports: "irq 4", "timer blink, armed".
	 * registry_lock is held. */
	void (*describe)(struct entry *e, char *buf, u32 size);
};

/* An address that a record holds. */
struct entry_part {
	const char *what;		/* "function", "argument" ... */
	u32 addr;
};

/* The maker: the caller of a function of the interface, by its return address. The last
 * part, and the only one that may lie in what is __init. */
#define ENTRY_MAKER(addr) { NULL, (addr) }

#define ENTRY_LINKS 4u			/* modules that one record can belong to */

struct entry_link {
	struct list node;		/* in owner->entries */
	struct owner *owner;		/* NULL: none (any more) */
	struct entry *entry;
	u32 addr;			/* the first part of the record that lies in it; fixed */
	bool closed;			/* by this owner */
};

struct entry {
	/* Fixed. */
	const struct entry_ops *ops;
	struct owner *owner;		/* the first of its modules: where its function lies, if in one */
	u32 slot;			/* that owner's; good for use when it is gone */
	u32 handle;			/* what the outside has of it */
	char name[24];
	/* Under registry_lock. After entry_find() the owners may be read without it: they
	 * stay for as long as the record does. */
	struct entry_link link[ENTRY_LINKS];
	u32 closers;			/* links that are closed */
	bool closed;			/* closers != 0 */
	bool unlinked;			/* its end has been claimed: once, ever */
	bool resume_due;
	bool resuming;			/* resume() is at work: not to be taken out */
	struct owner *ender;		/* whose unload frees it; NULL: the task that claimed its end frees it */
};

/* Adds a record to all modules that `part` (nr of them, the function first) leads into,
 * or to the core when it leads into none. 0; -ENODEV when one of them is GONE, or GOING:
 * then its epoch is raised as well, unless the task is the one that runs its exit; -EINVAL,
 * after a message, when a part lies in what is __init or __initdata; -ENOSPC: no handle is
 * left. Caller holds registry_lock. Any context. */
int  entry_add_locked(struct entry *e, const struct entry_ops *ops, const char *name,
                      const struct entry_part *part, u32 nr) must_use;
/* The same without the lock: the handle, or ERR_PTR. */
void *entry_add(struct entry *e, const struct entry_ops *ops, const char *name,
                const struct entry_part *part, u32 nr) must_use;
/* What a function of the interface returns for it: an opaque pointer. It is taken from the record
 * under registry_lock:
 *
 *	CPU 0 (timer_create, in a library)	CPU 1 (unload of the library's user)
 *	registry_lock: adds the record
 *						it leads into the user: closed, freed
 *	(the record may not be read any more)
 */
static inline void *entry_handle(const struct entry *e) { return (void *)e->handle; }
/* The record of a handle; NULL: it is gone, or never was one of this kind. Interrupts off,
 * or registry_lock held: until they are on again it is not freed. */
struct entry *entry_find(const void *handle, const struct entry_ops *ops);
/* The end of a record: unlinks it, and lets ops->free free it, after a round of IPIs; or,
 * when the caller runs the exit of one of its owners, together with the others at the end.
 * It is ended once, however often it is asked for. May sleep. 0;
 * -ENODEV: it has been ended before (if by another who is still at it, the caller waits
 * until its function does not run any more);
 * -EDEADLK, after a message that names `caller`: the task runs in the record's function,
 * or may not sleep, and nothing is done;
 * -ETIMEDOUT: a CPU does not answer; the record stays, and what its function uses has to. */
int  entry_destroy(const void *handle, const struct entry_ops *ops, u32 caller);
/* A closed record is to be armed or queued. True: keep the wish for a reopening; the epoch
 * of its owners has been raised. False: it comes from the task that runs the exit of one of
 * them, so there will be no reopening. As entry_find(). */
bool entry_hold_back(struct entry *e) must_use;

/* Is one of its owners GONE? Then it is never opened again. As entry_find(). */
bool entry_is_lost(const struct entry *e) must_use;

/* -- calls of a record's function, in task context ---------------------------- */
/* On the caller's stack. For as long as the call lasts it shows an address of each
 * module that the record belongs to, so that an inspection finds the task for the sake of
 * any of them: unlink() will wait for the call, and the code that runs may be the
 * library's, with nothing of its user on the stack any more. */
struct entry_call {
	u32 handle;
	u32 shown[ENTRY_LINKS];
	const struct entry_call *outer;
};
/* Before anything shows that the call has begun, under the lock of close(). */
void entry_call_begin(struct entry_call *c, const struct entry *e);
void entry_call_end(struct entry_call *c);
/* May a function of the interface wait for the record's function, or (handle NULL) for
 * anything? False, after a message that names `caller`: the task runs in that function, or
 * may not sleep. Any context. */
bool entry_may_wait(const void *handle, const struct entry_ops *ops, u32 caller);

/* -- for unload/ ---------------------------------------------------------- */
/* With the owner GOING: closes every record, then makes those who sleep inside
 * look at the gate, so that they walk out. Not in interrupts. */
void entries_close(struct owner *o);
/* With the owner LIVE again: opens those that no other owner has closed, replays, and
 * opens the gate. May sleep. */
void entries_reopen(struct owner *o);
/* Unlinks all that is left, calling seen(e, ctx) for each that the module's
 * exit forgot, under registry_lock (seen may be NULL). Then the caller does a
 * round of IPIs (a TLB shootdown is one), then entries_free(). May sleep. */
void entries_unlink(struct owner *o, void (*seen)(struct entry *e, void *ctx), void *ctx);
void entries_free(struct owner *o);
/* Calls see(e, ctx) for each record, under registry_lock. */
void entries_each(struct owner *o, void (*see)(struct entry *e, void *ctx), void *ctx);
u32  entries_count(struct owner *o);	/* of all owners when o is NULL */
/* For those that are called with a record: caller holds registry_lock. */
void entry_describe(struct entry *e, char *buf, u32 size);
