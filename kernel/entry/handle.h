/* Handles: what a module keeps of a record. A handle is a number that looks like a pointer
 * of an opaque type. It is looked up each time, so one that outlives its record is an
 * error to use and nothing worse: no memory is read through it, and no number is given
 * out twice.
 *
 *	 31  30           12  11        0
 *	+---+---------------+------------+
 *	| 0 | generation    | slot       |	never 0, never ERR_PTR(), never an address of a module
 *	+---+---------------+------------+
 *
 * A slot whose generations are used up is retired: the table gets smaller, and 2^31
 * registrations after boot it is empty and each further one gets -ENOSPC (docs/CAVEATS.md). */
#pragma once
#include "lib/types.h"

struct entry;

#define HANDLE_SLOT_BITS  12
#define HANDLE_SLOTS      (1u << HANDLE_SLOT_BITS)
#define HANDLE_LAST_GENERATION (0x7fffffffu >> HANDLE_SLOT_BITS)

struct handle_slot {
	struct entry *entry;		/* published with release; NULL: free, or retired */
	/* Under registry_lock. */
	u32 generation : 32 - HANDLE_SLOT_BITS;		/* of the last handle */
	u32 next : HANDLE_SLOT_BITS;			/* in the queue of the free ones */
};

struct handles {
	/* Fixed. */
	struct handle_slot *slot;
	u32 nr_slots;
	/* Under registry_lock. */
	u32 nr_used;			/* once or more; those behind are fresh */
	u32 nr_free, first_free, last_free;	/* used before, in the order in which they became free */
};

/* The number for `e`, which is found by it when e->handle is that number; 0: no slot is
 * free. Caller holds registry_lock, and sets e->handle before handle_publish(). */
u32  handle_take(struct handles *t) must_use;
void handle_publish(struct handles *t, struct entry *e);
/* From here on `e` is not found. Caller holds registry_lock. */
void handle_drop(struct handles *t, const struct entry *e);
/* NULL: there is no such record any more, or never was. Interrupts off, or registry_lock
 * held: until they are on again the record is not freed. */
struct entry *handle_find(const struct handles *t, u32 handle);
