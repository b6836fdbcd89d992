/* trap: hold every CPU in schedule(), look at every stack, commit if nobody is inside.
 *
 * Models  kernel/unload/trap.c       nobody_inside(), trap_quiesce()
 *         kernel/unload/hold.c       hold_cpus(), release_cpus()
 *         kernel/unload/inspect.c    sample(), inspect_task(), inspect_tasks_and_commit()
 *         kernel/sched/trap_cpus.c   park_cpu(), stand()
 *         and the machine of machine.pml
 * Asserts that at the commit nobody holds an address of the module, and that nobody executes
 *         it once it is freed; and that a stack is read with a stack pointer of its own.
 * Left out: the kick. It brings CPUs to schedule() sooner; here they come when they like, or
 *         never. So the argument does not rest on it, but on the answers to the sample.
 *         The asker's own task and CPU (assumption A5), tasks skipped because they have not
 *         run since the load, roll-back, stale words, the deadline. An attempt that is void
 *         ends at once; GOES_ON is the C, which goes on to name everybody.
 *
 * Each variant takes one part of the argument away:
 * check: clean
 * check: trail  CLOSES_LATE      the records are closed after the look
 * check: trail  NO_EPOCH         file_close() goes in behind the look, and does not say so
 * check: trail  EPOCH_LATE       the epoch is read after the look
 * check: trail  MARKS_ON_CPUS    a CPU has answered; the task on it now is another
 * check: trail  NO_ANSWER        who has not answered counts as outside
 * check: trail  LOOKS_ONCE       "it rests", and while its stack is read it is switched in
 * check: trail  PARKS_EARLY      says that it stands before its registers are in memory
 * check: trail  CHILD_PASSES     a child counts as passed whatever its parent is
 * check: trail  GOES_ON ANY_PARKED  "its CPU stands still", but with another task on it
 * check: clean  GOES_ON
 * check: clean  SILENT_IS_FINE   a silent CPU's task is seen as running: a second lock on one door
 */

byte parking[2];		/* parking[cpu].trap */
bool unsaved[2];		/* the registers of who stands there are not in memory yet */

/* park_cpu(), stand(): interrupts on. The flag may be down again, or another's, at each look. */
#define PASS_FLAG(c)								\
	do									\
	:: flag == 0 -> break							\
	:: atomic { flag != 0 -> trap = flag };					\
	   PUBLISH(c);								\
	   atomic { flag != trap -> parking[c] = 0; trap = 0 }			\
	od
#ifndef PARKS_EARLY
#define PUBLISH(c) atomic { printf("task %d parks\n", me); parking[c] = trap }
#else
#define PUBLISH(c) atomic { printf("task %d parks\n", me); parking[c] = trap; unsaved[c] = true }; unsaved[c] = false
#endif
#include "machine.pml"

bool occupied;			/* nr_insiders, nr_unseen, silent: this attempt is void */
#ifndef GOES_ON
#define enough	occupied
#else
#define enough	false		/* as the C does, to name all who are inside */
#endif
bool asked[CPUS];
bool cpu_passed[CPUS];		/* what a mark on a CPU would be */
byte last_trap = 1;

/* sample(), on the asked CPU, with its interrupts off: it reads its own stack. */
inline sample(c)
{
	if
	:: holds[me] -> printf("(CPU %d answers: task %d is inside)\n", c, me); occupied = true
#ifdef MARKS_ON_CPUS
	:: else -> printf("(CPU %d answers: outside)\n", c); cpu_passed[c] = true
#else
	:: else -> printf("(CPU %d answers: task %d is outside)\n", c, me); passed[me] = true
#endif
	fi
}

/* inspect_cpus(): those who do not stand; in what order they answer is left open. */
inline inspect_cpus()
{
	do
	:: atomic { enough || asked[0] && asked[1] -> break }
	:: atomic { !enough && !asked[0] -> c = 0; look_at_cpu() }
	:: atomic { !enough && !asked[1] -> c = 1; look_at_cpu() }
	od
}
inline look_at_cpu()
{
	asked[c] = true;
	if
	:: parking[c] == flag
	:: !in_handler[c] -> sample(c)
	:: printf("(CPU %d is silent)\n", c);
#if !defined(SILENT_IS_FINE) && !defined(NO_ANSWER)
		occupied = true
#endif
	fi;
	c = 0
}

inline read_stack(t, sees)
{
	if
	:: sees -> printf("finds task %d inside\n", t); occupied = true
	:: else -> printf("passes task %d\n", t); passed[t] = true
	fi
}

#ifndef ANY_PARKED
#define stands(t, c)	(parking[c] == flag && me == t)
#else
#define stands(t, c)	(parking[c] == flag)
#endif

/* It rests: its stack is read, and then, does it still rest? It runs: does its CPU stand? */
inline inspect_task(t)
{
	if
	:: atomic { at_rest(t) -> printf("task %d rests\n", t) };
	   atomic { read_stack(t, holds[t] && !runs(t)) };
#ifndef LOOKS_ONCE
	   atomic {
		if
		:: runs(t) -> printf("task %d rests no more\n", t); occupied = true
		:: else
		fi
	   }
#endif
	:: atomic { runs(t) -> c = cpu_of(t); printf("task %d runs on CPU %d\n", t, c) };
	   atomic {
		if
		:: stands(t, c) ->
			printf("CPU %d stands, with the stack of task %d\n", c, me);
			assert(me == t);
			read_stack(t, holds[t] && !unsaved[c])
		:: !stands(t, c) ->
			printf("it has not passed\n");
#ifndef NO_ANSWER
			occupied = occupied || !cpu_passed[c]
#endif
		fi;
		c = 0
	   }
	fi
}

inline close_records() { atomic { printf("closes\n"); closed = true } }

active proctype asker()
{
	byte t, c, seen;

	boot();
#ifndef CLOSES_LATE
	close_records();
#endif
try:	atomic {
		seen = epoch;				/* owner_epoch() */
		last_trap = 3 - last_trap;
		printf("raises the flag\n");
		flag = last_trap			/* hold_cpus() */
	};
	inspect_cpus();
	atomic { tasklist_lock = true; t = 0 };		/* nobody is born meanwhile */
	do
	:: atomic { enough || t == TASKS -> break }
	:: !enough && t < TASKS ->
		if
		:: passed[t] || !exists(t)
		:: !(passed[t] || !exists(t)) -> inspect_task(t)
		fi;
		t++
	od;
	tasklist_lock = false;
#ifdef CLOSES_LATE
	close_records();
#endif
#ifdef EPOCH_LATE
	seen = epoch;
#endif
	atomic {					/* owner_commit_gone() */
		if
		:: !occupied && epoch == seen ->
			printf("commits\n");
			gone = true;
			assert_nobody_inside()
		:: else
		fi
	};
	d_step {					/* release_cpus() */
		flag = 0;
		occupied = false;			/* the next inspection has another number */
		for (t : 0 .. TASKS - 1) { passed[t] = false }
		for (c : 0 .. CPUS - 1)  { asked[c] = false; cpu_passed[c] = false }
		t = 0; c = 0
	};
	if
	:: !gone -> printf("tries again\n"); goto try
	:: else
	fi;
	atomic { printf("frees\n"); freed = true }
}
