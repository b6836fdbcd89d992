/* census: hold nobody, look at each task once wherever it is, commit if all were outside.
 *
 * Models  kernel/unload/census.c     census_look(), census_quiesce()
 *         kernel/unload/inspect.c    sample(), inspection_watch(), look_at_passer(),
 *                                    look_at_task(), inspection_commit()
 *         kernel/sched/trap_cpus.c   park_cpu(), pass_by()
 *         kernel/sched/wake.c        task_look_at_rest()
 *         and the machine of machine.pml
 * Asserts that at the commit nobody holds an address of the module, and that nobody executes
 *         it once it is freed; and the second claim of census.c, which is an ASSERT in
 *         look_at_task(): after two rounds only the newly born are left.
 * Left out: the asker's own task, which here runs on a CPU of its own and is never moved;
 *         what an attempt does once it is void (here it ends at once); tasks skipped because
 *         they have not run since the load, roll-back, the deadline.
 *
 * Each variant takes one part of the argument away:
 * check: clean
 * check: trail  CLOSES_LATE      the records are closed after the look
 * check: trail  NO_EPOCH         file_close() goes in behind the look, and does not say so
 * check: trail  EPOCH_LATE       the epoch is read after the look
 * check: trail  MARKS_ON_CPUS    a CPU has answered; the task on it now is another
 * check: trail  NO_LOOK          without the look in schedule() a task escapes two rounds
 * check: trail  ONE_ROUND        who runs after the first round was not asked in it
 * check: trail  UNLOCKED         "it rests", and while its stack is read it is switched in
 * check: trail  CHILD_PASSES     a child counts as passed whatever its parent is
 * check: trail  MARKS_GO_BACK    a look that comes late overwrites the mark of the next inspection
 * check: trail  NO_NOTE          a task that sees itself inside in schedule() does not void the look
 */

/* park_cpu() with look_in_passing set: reads the number of the inspection, then looks, then marks.
 * Interrupts are on: in between the CPU may answer (sample()), the inspection may end, and the
 * next one begin and ask it. Then the look is late, for a number that nobody asks for any more. */
#define NONE	0
#define TIMELY	1
#define LATE	2		/* its number is that of an earlier inspection */
byte look[2];
#ifndef NO_LOOK
#define PASS_FLAG(c)								\
	if									\
	:: flag == 0								\
	:: atomic { flag != 0 ->						\
		if								\
		:: passed[me]							\
		:: else -> look[c] = TIMELY					\
		fi };								\
	   atomic {								\
		if								\
		:: look[c] == NONE						\
		:: look[c] == TIMELY && holds[me] -> NOTE			\
		:: look[c] == TIMELY && !holds[me] ->				\
			printf("task %d passes schedule(): outside\n", me);	\
			passed[me] = true					\
		:: look[c] == LATE && !holds[me] ->				\
			printf("task %d passes schedule(), late\n", me);	\
			LATE_MARK						\
		:: look[c] == LATE && holds[me]	/* raises found to a number below */	\
		fi;								\
		look[c] = NONE }						\
	fi
#else
#define PASS_FLAG(c)	skip
#endif
#ifndef MARKS_GO_BACK
#define LATE_MARK	skip		/* rising_raise(): the mark is at a later number, or will be */
#else
#define LATE_MARK	passed[me] = false
#endif
#ifndef NO_NOTE
#define NOTE	found_passing = true
#else
#define NOTE	skip			/* then two rounds do not suffice */
#endif
bool found_passing;		/* passing.found */
#include "machine.pml"

bool occupied;			/* nr_insiders or silent: this attempt is void */
bool to_ask[CPUS];		/* `running` */
bool cpu_passed[CPUS];		/* what a mark on a CPU would be */
bool old_child;			/* in->newest: it was there when this attempt began */
#define void_now	(occupied || found_passing)

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

/* inspect_cpus(): in what order they answer is left open. */
inline inspect_cpus()
{
	do
	:: atomic { void_now || !to_ask[0] && !to_ask[1] -> break }
	:: atomic { !void_now && to_ask[0] -> c = 0; look_at_cpu() }
	:: atomic { !void_now && to_ask[1] -> c = 1; look_at_cpu() }
	od
}
inline look_at_cpu()
{
	to_ask[c] = false;
	if
	:: !in_handler[c] -> sample(c)
	:: printf("(CPU %d is silent)\n", c); occupied = true
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


/* look_at_task() */
inline inspect_resting_task(t)
{
	if
#ifndef UNLOCKED		/* task_look_at_rest(): the lock keeps it from being switched in */
	:: atomic { at_rest(t) -> read_stack(t, holds[t]) }
#else
	:: atomic { at_rest(t) -> printf("task %d rests\n", t) };
	   atomic { read_stack(t, holds[t] && !runs(t)) }
#endif
	:: atomic { runs(t) ->
		printf("task %d runs\n", t);
		assert(round < 2 || passed[t] || void_now || t == CHILD && !old_child);
		c = cpu_of(t);
		to_ask[c] = !cpu_passed[c];
		c = 0
	   }
	fi
}

inline close_records() { atomic { printf("closes\n"); closed = true } }

active proctype asker()
{
	byte t, c, seen, round;

	boot();
#ifndef CLOSES_LATE
	close_records();
#endif
try:	atomic {
		seen = epoch;				/* owner_epoch() */
		old_child = born;
		printf("raises the flag\n");
		flag = 1;				/* inspection_watch() */
		to_ask[0] = true; to_ask[1] = true;
		round = 1
	};
	do
	::	inspect_cpus();				/* running: by IPI */
		do					/* switched out: where they rest */
		:: atomic { void_now || t == TASKS -> t = 0; break }
		:: !void_now && t < TASKS ->
			if
			:: passed[t] || !exists(t)
			:: !(passed[t] || !exists(t)) -> inspect_resting_task(t)
			fi;
			t++
		od;
#ifdef ONE_ROUND
		break;
#endif
		atomic {
			if
			:: void_now || !to_ask[0] && !to_ask[1] -> break
			:: else -> printf("once more\n"); round = 2	/* or more */
			fi
		}
	od;
	flag = 0;					/* inspection_unwatch() */
#ifdef CLOSES_LATE
	close_records();
#endif
#ifdef EPOCH_LATE
	seen = epoch;
#endif
	atomic {					/* inspection_commit() */
		if
		:: !void_now && epoch == seen ->
			printf("commits\n");
			gone = true;
			assert_nobody_inside()
		:: else
		fi
	};
	d_step {
		occupied = false;			/* the next inspection has another number */
		found_passing = false;
		for (t : 0 .. TASKS - 1) { passed[t] = false }
		for (c : 0 .. CPUS - 1)  {
			to_ask[c] = false;
			cpu_passed[c] = false;
			look[c] = (look[c] == NONE -> NONE : LATE)
		}
		t = 0; c = 0; round = 0
	};
	if
	:: !gone -> printf("tries again\n"); goto try
	:: else
	fi;
	atomic { printf("frees\n"); freed = true }
}
