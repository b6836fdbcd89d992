/* The registry of every way into a module's code. The core allocates and owns
 * each record, so it can close them all without the module's help, and a
 * record outlives the code that it leads to. */
#pragma once
#include "entry/owner.h"

struct entry;

/* The order of locks: registry_lock, then a kind's own. */
#define RANK_ENTRY_KIND (RANK_ENTRY + 1)

struct entry_ops {
	const char *kind;		/* "irq", "timer" ... */
	/* Handlers are found and run with interrupts off and no lock held: a record
	 * may go only when every CPU has answered an IPI since unlink(). */
	bool lockless;
	/* Leads newcomers to a core stub and keeps what arrives. Destroys nothing.
	 * Idempotent. May not sleep (registry_lock is held). */
	void (*close)(struct entry *e);
	/* Undoes close() and replays what arrived meanwhile. As close(): may not
	 * sleep, and calls nothing in the module by itself. */
	void (*reopen)(struct entry *e);
	/* What reopen() has to leave for later (it sets resume_due): may sleep. NULL:
	 * nothing ever. */
	void (*resume)(struct entry *e);
	/* Takes the record out of every list that leads to it; nobody new finds it.
	 * Frees nothing. May sleep. */
	void (*unlink)(struct entry *e);
	/* Frees the record; all CPUs have answered an IPI since unlink(). May sleep. */
	void (*free)(struct entry *e);
	/* One line for `lsmod -v` and for reports: "irq 4", "timer blink, armed".
	 * registry_lock is held. */
	void (*describe)(struct entry *e, char *buf, u32 size);
};

struct entry {
	/* Fixed. */
	const struct entry_ops *ops;
	struct owner *owner;
	u32 slot;			/* the owner's; good for use when it is gone */
	char name[24];
	/* Under registry_lock. */
	struct list node;		/* in owner->entries */
	bool closed;
	bool unlinked;
	bool resume_due;
	bool resuming;			/* resume() is at work: not to be taken out */
};

/* Adds a record to its owner. 0; -ENODEV when the owner is GONE, or GOING: then
 * its epoch is raised as well, unless the task is the one that runs its exit; -EINVAL
 * when `owner` is NULL, as owner_of_code() says it. Any context. */
int  entry_add(struct entry *e, const struct entry_ops *ops, struct owner *owner,
               const char *name) must_use;
/* The same for a caller that holds registry_lock. */
int  entry_add_locked(struct entry *e, const struct entry_ops *ops, struct owner *owner,
                      const char *name) must_use;
/* Takes it out again and lets ops->free free it: at once (a lockless kind after
 * a round of IPIs), or, when the caller runs its owner's exit, together with the
 * others at the end. Waits for its handler, so not from there. May sleep. False: a CPU
 * does not answer; the record stays, and what its function uses has to. */
bool entry_destroy(struct entry *e);

/* -- for unload/ ---------------------------------------------------------- */
/* With the owner GOING: closes every record, then makes those who sleep inside
 * look at the gate, so that they walk out. Not in interrupts. */
void entries_close(struct owner *o);
/* With the owner LIVE again: opens them, replays, and opens the gate. May sleep. */
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
