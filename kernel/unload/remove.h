/* The end of a module as the proposals on the lists knew it: its own clean-up, and
 * then its memory goes. What the clean-up forgets stays registered, and leads into
 * dead text. (steps.h has the end that the core can give it.) */
#pragma once
#include "module/module.h"
#include "unload/unload.h"

/* 2.4's look before an unload: no module depends on it, and the count that it keeps
 * of itself is zero. 0, -EBUSY. Caller holds modules_mutex. */
int  look_at_use_count(struct unload *u) must_use;

/* Modules that are bound to it by symbols: 0, -EBUSY. May sleep. */
int  look_at_dependents(struct unload *u) must_use;
/* Linux since 2.6: what has an init and no exit stays, unless forced. 0, -EBUSY. */
int  look_for_exit(struct unload *u) must_use;
/* Says in the report that `n` use it: returns `err`. */
int  say_in_use(struct unload *u, u32 n, int err);

/* cleanup_module(): runs the module's exit as its author wrote it. To the core the
 * module is as LIVE as before. May sleep. */
void cleanup_module(struct unload *u);

/* Removes the module, in three parts: all that is known of it; its memory; its
 * record. Only the second may be done by who may not sleep. */
struct removal {
	u64 grave;
	struct freed_image kept;
	cpumask_t silent;
	bool unmapped;
};
void removal_begin(struct unload *u, struct removal *r);
void removal_unmap(struct unload *u, struct removal *r);
void removal_end(struct unload *u, struct removal *r);	/* u->mod is NULL afterwards */
/* All three. */
void remove_module(struct unload *u);

/* Keeps the record of a module that is off all lists, for remains_sweep(): it outlives what
 * still points to it, the entry points that were forgotten, a CPU that does not answer, and
 * the range of addresses that must not be another module's meanwhile. May sleep. */
void leave_behind(struct module *m, bool mapped);

/* What such an end leaves behind: images that were never freed, and records that lead
 * into dead text. Takes all of it back; who still uses it is found by the graveyard.
 * Returns how many modules had left something. May sleep. */
u32  remains_sweep(void);
u32  remains_count(void);
