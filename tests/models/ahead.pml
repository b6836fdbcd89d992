/* ahead: what trap reads while all run, before it holds the CPUs, and does not read again.
 *
 * Models  kernel/unload/ahead.c      look_ahead(), visit(), note_passer(), ahead_each_again()
 *         kernel/sched/trap_cpus.c   park_cpu(), pass_by()
 *         kernel/smp/ipi.c           smp_call(), as a fence
 *         and the machine of machine.pml
 * Asserts that at the commit nobody holds an address of the module, and that nobody executes
 *         it once it is freed.
 * Begins when the records are closed, with one task or another inside.
 * Left out: how a hold comes to be one instant, and interrupts, which is trap.pml. Here the hold is
 *         one step, at any moment, and reads the stacks of those that are listed.
 *
 * A store may be late: a CPU has switched to a task, and to others this one still seems to rest, until
 * the CPU takes a lock or an interrupt. So the asker may read the stack of a task that runs, and see nothing.
 *
 * Each variant takes one part of the argument away, which one CPU besides the asker's is enough to show:
 * check: clean BOTH_CPUS
 * check: trail  NO_FENCE        the walk begins before each CPU was interrupted
 * check: trail  NO_NOTE         who ran since does not say so
 * check: trail  NO_CURRENT      the current tasks at the start of the hold are not read again
 * check: trail  NO_NEWBORN      the young are not read
 * check: trail  RUNNING_PASSES  a task that runs when the walk reaches it is not read again
 * check: trail  EPOCH_AT_HOLD   the epoch is read when the hold begins
 */
bool listed[3];
byte late[2];			/* who still seems to run there, and 1; 0: no store is late */
#define STORE_LATE(c)	if :: late[c] = me + 1 :: late[c] = 0 fi

#ifndef NO_NOTE
#define NOTE	printf("task %d notes that it runs\n", me); listed[me] = true
#else
#define NOTE	skip
#endif
/* The head of schedule(), and the list's lock. */
#define PASS_FLAG(c)								\
	if									\
	:: flag == 0								\
	:: flag != 0 -> atomic { NOTE }						\
	fi
#define NO_HANDLERS
#include "machine.pml"

#define seen_on(c)	(late[c] -> late[c] - 1 : curr[c])
#define seems_to_run(t)	(seen_on(0) == t || seen_on(1) == t)
#define NOBODY		TASKS
bool old_child;			/* in->newest: it was there when the walk began */
bool occupied;

/* Nothing keeps it from running meanwhile. */
inline read_stack(t)
{
	if
	:: atomic { seems_to_run(t) ->
#ifndef RUNNING_PASSES
		printf("task %d runs\n", t); listed[t] = true
#else
		skip
#endif
	   }
	:: atomic { !seems_to_run(t) -> printf("task %d rests\n", t) };
	   atomic {
		if
		:: holds[t] && !runs(t) -> printf("its stack is not clean\n"); listed[t] = true
		:: else -> printf("its stack looks clean\n")
		fi
	   }
	fi
}

inline interrupt(c)	{ atomic { printf("(CPU %d answers)\n", c); late[c] = 0 } }

active proctype asker()
{
	byte t, c, seen;

	atomic {
		closed = true;
		if :: holds[0] = true :: skip fi;
		if :: holds[1] = true :: skip fi;
#ifdef BOTH_CPUS
		boot()
#else
		curr[1] = NOBODY; run cpu(0)
#endif
	};
try:	atomic {
		seen = epoch;				/* owner_epoch() */
		old_child = born;
		printf("raises the flag\n");
		flag = 1				/* look_ahead() */
	};
#ifndef NO_FENCE
	interrupt(0);
	interrupt(1);
#endif
	do
	:: atomic { t == TASKS -> t = 0; break }
	:: t < TASKS ->
		if
		:: t == CHILD && !old_child
		:: !(t == CHILD && !old_child) -> read_stack(t)
		fi;
		t++
	od;
	atomic {
		printf("holds\n");
#ifdef EPOCH_AT_HOLD
		seen = epoch;
#endif
#ifndef NO_CURRENT
		listed[curr[0]] = true;
#ifdef BOTH_CPUS
		listed[curr[1]] = true;
#endif
#endif
#ifndef NO_NEWBORN
		if :: !old_child -> listed[CHILD] = true :: else fi;
#endif
		for (t : 0 .. TASKS - 1) {
			if :: listed[t] && exists(t) && holds[t] -> occupied = true :: else fi
		}
		if
		:: !occupied && epoch == seen ->
			printf("commits\n");
			gone = true;
			assert_nobody_inside()
		:: else
		fi;
		flag = 0;
		occupied = false;
		for (t : 0 .. TASKS - 1) { listed[t] = false }
		t = 0; c = 0
	};
	if
	:: !gone -> printf("tries again\n"); goto try
	:: else
	fi;
	atomic { printf("frees\n"); freed = true }
}
