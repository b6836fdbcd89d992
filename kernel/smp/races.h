/* make RACES=1: random, seeded delays and yields where races hurt, and a hash of the order in which CPUs switched
 * tasks and interrupted each other. In other builds all of this is nothing.
 *
 * `seed=` chooses which (docs/TESTING.md): without it, or with seed=0, there are none. */
#pragma once
#include "lib/types.h"

enum race_place {
	RACE_ACCESS,			/* to memory: the compiler calls, as for a checked build */
	RACE_SYNC_POINT,
	RACE_UNLOCK,			/* a spin lock was released, or a mutex */
	RACE_WAKE,			/* a task is about to be woken, or was */
	RACE_IPI,			/* one was sent, or is about to be answered */
	NR_RACE_PLACES
};

/* What the order is made of. */
enum race_event { RACE_SWITCH = 1, RACE_CALL, RACE_ANSWER, RACE_RESCHEDULE };

#ifdef RACES
/* From now on; `seed` 0: never. */
void races_start(u32 seed);
/* One line for the console; nothing when they were not started. Task context. */
void races_report(void);
/* This CPU may be delayed here, or its task give up the CPU. Any context, whatever is held. */
void race_at(enum race_place place);
/* It waits for another CPU, in a loop, until it says that it does not. Any context. */
void race_waits(bool waits);
void race_note(enum race_event event, u32 a, u32 b);
/* Nanoseconds until the next tick of this CPU; 0: they are regular. Interrupts off. */
u32  race_tick_ns(void);
/* sched/ sets it at boot: the running task goes behind others of its priority, at once. Context: as an
 * interrupt that preempts. */
extern void (*race_yield)(void);
#else
static inline void races_start(u32 seed)         { (void)seed; }
static inline void races_report(void)            { }
static inline void race_at(enum race_place place) { (void)place; }
static inline void race_waits(bool waits)        { (void)waits; }
static inline void race_note(enum race_event event, u32 a, u32 b) { (void)event, (void)a, (void)b; }
static inline u32  race_tick_ns(void)            { return 0; }
#endif
