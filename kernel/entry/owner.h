/* Who owns an entry point: a module, as far as this floor needs to know it, or
 * the core. module/ embeds a struct owner in each struct module. */
#pragma once
#include "lib/list.h"
#include "sched/wait.h"
#include "x86/atomic.h"

#define MODULE_NAME_LEN 32
#define MAX_OWNERS 256		/* modules loaded at one time */

enum owner_state {
	OWNER_COMING,		/* init has not returned */
	OWNER_LIVE,
	OWNER_GOING,		/* nobody new gets in */
	OWNER_GONE,		/* its code must not run any more */
};

struct owner {
	/* Fixed once registered. */
	char name[MODULE_NAME_LEN];
	u32 base, size;		/* image and heap arena, one range of addresses */
	u32 init_base, init_size;	/* the part of it that only init may use */
	u32 generation;		/* load_generation at its load */
	u32 slot;		/* below MAX_OWNERS, the core's is MAX_OWNERS; no two owners have the same */

	/* Under registry_lock. */
	enum owner_state state;
	struct list entries;	/* links to every record that leads into it, oldest first */
	struct task *exiting;	/* runs the module's exit: may still destroy records */
	bool stays;		/* a device may write to it: its memory must not be freed */
	u32 nr_files;		/* files of its devices that its driver has not done with */
	u32 files_ended;	/* so many have ceased to be among them: is there progress? */
	u32 gate_users;		/* callers that still touch `gate` */
	bool marked;		/* by a strategy: it is going, new users are turned away */
	bool draining;		/* LIVE, but opens wait at the gate: an unload waits for users */

	/* Rises (x86/atomic.h). Raised by every core function that is handed a code pointer
	 * into the module while it is GOING: an inspection that saw it change is void. */
	u64 epoch aligned(8);

	/* Atomic. Users, and one that stands for the module being loaded. */
	u32 refs;

	/* Callers held back until the unload's fate is known. */
	struct wait_queue gate;
};

extern struct spinlock registry_lock;
extern struct owner core_owner;

void owners_init(void);
/* Enters `o` as COMING; name, base, size and generation are filled in. 0, or
 * -ENOSPC: MAX_OWNERS are there. Any context. */
int  owner_register(struct owner *o);
/* Forgets `o`, which has no entries left, and waits until the last caller has
 * left its gate: then `o` may be freed. May sleep. */
void owner_unregister(struct owner *o);
/* Any context. When a module comes back, make it LIVE before entries_reopen():
 * what a driver does when it is called again must not find it GOING. */
void owner_set_state(struct owner *o, enum owner_state s);
/* Lets no new user in (opens wait at the gate) while those there go on as before.
 * Any context. */
void owner_set_draining(struct owner *o, bool on);
/* Turns new users away with -ENODEV, at once; wakes who waits at o->gate. Any context. */
void owner_set_marked(struct owner *o, bool on);
/* Who runs the module's exit, and may still destroy its records; NULL: nobody. */
void owner_set_exiting(struct owner *o, struct task *t);

/* The module whose range holds `addr`; &core_owner when none does. The answer
 * is stable as long as the caller runs in that module, or may not be unloaded.
 * Takes no lock; any context but NMI. */
struct owner *owner_of(u32 addr);
static inline bool owner_holds(const struct owner *o, u32 addr)
{
	return addr - o->base < o->size;
}
/* In the part that is gone once init has returned? */
static inline bool owner_init_holds(const struct owner *o, u32 addr)
{
	return addr - o->init_base < o->init_size;
}

/* -- the seal --------------------------------------------------------------- */
/* The epoch now, for owner_commit_gone(). */
static inline u64 owner_epoch(const struct owner *o) { return rising_read(&o->epoch); }
/* GOING -> GONE, unless the epoch is not `epoch` any more: then a code pointer was
 * handed over meanwhile, nothing changes, and the answer is false. Any context. */
bool owner_commit_gone(struct owner *o, u64 epoch) must_use;
/* Notes that a code pointer into a GOING module was handed over. Any context. */
void owner_raise_epoch(struct owner *o);
/* A closed record of `o` is to be armed or queued. True: keep the wish for a
 * reopening; the epoch has been raised. False: it comes from the task that runs
 * the module's exit, so nobody will ever want it. Any context. */
bool owner_hold_back(struct owner *o) must_use;

/* -- the gate --------------------------------------------------------------- */
/* For waits with a condition of their own on o->gate: between enter (caller
 * holds registry_lock) and leave (it does not) `o` is not freed. */
void owner_gate_enter(struct owner *o);
void owner_gate_leave(struct owner *o);
void owner_gate_leave_locked(struct owner *o);	/* caller holds registry_lock, and does not use `o` any more */
/* A fake signal to all who sleep in a call into any module, now or later: -EINTR. Threads
 * of modules do not get it. May sleep. */
void owners_signal_sleepers(bool on);
/* May code at `caller` go to sleep? -ENODEV when its module is GOING, unless the
 * task runs its exit. What the scheduler asks through wait_gate. Any context. */
int  owner_gate_check(u32 caller) must_use;
