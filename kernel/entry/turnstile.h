/* What the chosen unload strategy wants done where a module is entered and left.
 * Mostly nothing: then a way in costs one load and one branch, always predicted.
 *
 * The strategy may change while tasks are inside: each leaves by the turnstile that
 * it came in by, which it remembers (a file for as long as it is open). */
#pragma once
#include "entry/owner.h"

struct turnstile {
	/* A file, from before the driver's open() to after its release(). get: false
	 * turns the opener away. Called under registry_lock. NULL: not wanted. */
	bool (*get)(struct owner *o);
	void (*put)(struct owner *o);
	/* The driver's open(). May sleep. False turns the opener away. NULL: as a call. */
	bool (*open_enter)(u32 slot);
	void (*open_leave)(u32 slot);
	/* A call of any kind. Any context but NMI. `slot`: owner->slot, which is another
	 * module's when this one is gone; so what is done must harm nobody. */
	void (*enter)(u32 slot);
	void (*leave)(u32 slot);
};

/* NULL: nobody is counted. Set under registry_lock. */
extern const struct turnstile *turnstile;

/* Sets it, and counts the open files anew. May sleep. */
void turnstile_set(const struct turnstile *ts);

/* Around a call, when `turnstile` was found to be set: returns what has to be given
 * to turnstile_leave(). */
static inline const struct turnstile *turnstile_enter(u32 slot)
{
	const struct turnstile *ts = READ_ONCE(turnstile);

	if (ts && ts->enter)
		ts->enter(slot);
	return ts;
}

static inline void turnstile_leave(const struct turnstile *ts, u32 slot)
{
	if (ts && ts->leave)
		ts->leave(slot);
}
