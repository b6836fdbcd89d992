/* handles: a record is found by a number, used with interrupts off, ended once, and freed when every
 * CPU has answered since.
 *
 * Models  kernel/entry/handle.c   handle_take(), handle_find(), handle_drop()
 *         kernel/entry/entry.c    entry_destroy(), claim_end(), all_cpus_answer()
 * Asserts that no record is read or used behind its free, that a handle finds no record but its own,
 *         and that a record is freed once.
 * Left out: the waits of the second that wants to end a record; retired slots (tests/kernel/test_entry.c).
 *
 * Two CPUs use the handle of record 0 for ever, though it may be gone; two tasks want to end that
 * record (its module, and the unload of another one that it leads into); and somebody registers
 * record 1, which gets the same slot as soon as that is free.
 *
 * Each variant takes one part of the argument away:
 * check: clean
 * check: trail  NO_ROUND        the record is freed without a round of IPIs
 * check: trail  DROPS_LATE      the handle is dropped behind the round
 * check: trail  INTERRUPTS_ON   the handle is looked up with interrupts on
 * check: trail  NO_CLAIM        both end the record
 * check: trail  SAME_NUMBER     a slot has no generations
 */
#define CPUS	2
#define NONE	2

byte entry_at;			/* slot.entry: the record that the slot leads to */
byte handle_of[3];		/* e->handle; record 0 has handle 0 */
bool freed[3];
bool claimed;			/* record 0: e->unlinked */
bool irqs_off[CPUS];

proctype user(byte c)
{
	byte e;

	do
	::
#ifndef INTERRUPTS_ON
		irqs_off[c] = true;
#endif
		e = entry_at;				/* handle_find() */
		if
		:: e == NONE -> printf("handle 0: -ENODEV\n")
		:: e != NONE ->
			assert(!freed[e]);		/* reads e->handle */
			if
			:: handle_of[e] == 0 ->
				printf("handle 0: record %d\n", e);
				assert(e == 0);
				assert(!freed[e])	/* uses it */
			:: handle_of[e] != 0 -> printf("handle 0: not record %d\n", e)
			fi
		fi;
		irqs_off[c] = false
	od
}

inline drop() { atomic { if :: entry_at == 0 -> printf("drops the handle\n"); entry_at = NONE :: else fi } }

/* Each CPU has its interrupts on before it answers. */
inline round()
{
#ifndef NO_ROUND
	!irqs_off[0];
	!irqs_off[1]
#else
	skip
#endif
}

proctype ender()
{
	bool mine;

	atomic {					/* claim_end(), under registry_lock */
#ifndef NO_CLAIM
		mine = entry_at == 0 && !claimed;
#else
		mine = entry_at == 0;
#endif
		claimed = claimed || mine
	};
	if
	:: mine ->
#ifndef DROPS_LATE
		drop();
		round();
#else
		round();
		drop();
#endif
		atomic { assert(!freed[0]); printf("frees record 0\n"); freed[0] = true }
	:: !mine -> printf("-ENODEV\n")
	fi
}

active proctype registers()
{
	d_step { handle_of[1] = 1; handle_of[2] = NONE };
	atomic { run user(0); run user(1); run ender(); run ender() };
	atomic {					/* handle_take(): the next generation */
		entry_at == NONE ->
		printf("registers record 1 in the same slot\n");
#ifdef SAME_NUMBER
		handle_of[1] = 0;
#endif
		entry_at = 1
	}
}
