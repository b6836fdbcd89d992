/* young: entrances and exits, counted apart on each CPU.
 *
 * Models  kernel/unload/young.c     open_enter(), open_leave(), leave(), young_unload()
 *         kernel/unload/counts.c    count_entrance(), count_exit(), count_inside()
 *         kernel/entry/file.c       open_counted(), and file_read()'s way into the driver
 * Asserts that nobody fetches an instruction of a module that is freed.
 * Memory: sequentially consistent, but for the one store whose delay matters. A CPU's
 *         increment of its entrances may stay in its store buffer while it already reads the
 *         driver's function: x86 lets a load pass an older store. An interrupt empties the
 *         buffer, and so does a mutex or a switch (locked instructions); an exit that is
 *         stored late only makes the unload wait.
 * Leaves out the deadline, and the sleep on C: who waits here looks again and again.
 *
 * "I feel sure that I've overlooked a fatal flaw in this first draft" (seed 004). Where is it?
 *   ENTRANCES_FIRST  not where he looked: "you want to add up exits across all CPUs, first,
 *                    then add up entrances". Right; the other way round somebody who is
 *                    turned away meanwhile makes up for one who stays inside
 *   OPEN_ONLY        here: a call on a file that is open passes no counter, and no mutex
 *   IN_MODULE        and here: if the counting is the module's, its first instruction comes
 *                    before the entrance is counted, its return after the exit was
 *   NO_IPI           and what our extension needs where open() has the mutex
 *
 * check: clean
 * check: trail  ENTRANCES_FIRST   who is turned away is taken for the exit of another
 * check: trail  OPEN_ONLY         a read() on an open file is counted by nobody
 * check: trail  IN_MODULE         text of the module on both sides of the count
 * check: trail  NO_IPI            the entrance is in a store buffer, the sum does not see it
 */
#define CPUS  3			/* with a task on each; the unloader on a fourth */
#define CALLS 1			/* of each task: with 2 the search wants more than 2 GiB */

byte entrances[CPUS], exits[CPUS];
byte buffered[CPUS];		/* entrances that only their own CPU sees */
bool door;			/* the mutex: taken */
bool unloading;			/* under the mutex */
bool closed;			/* no entry point leads to the driver */
bool freed;

#define in_module(what)	atomic { printf(what); assert(!freed) }

inline flush(cpu)
{
	d_step { entrances[cpu] = entrances[cpu] + buffered[cpu]; buffered[cpu] = 0 }
}

inline count_entrance(cpu)
{
	atomic { printf("counts its entrance\n"); buffered[cpu]++ }
}

/* By now the task may be on another CPU. Stores stay in order, so this CPU's entrance is in
 * memory before the exit is; and a task that moves is switched, which empties the buffer. */
inline count_exit(cpu)
{
	atomic {
		printf("counts its exit\n");
		flush(cpu);
		if
		:: exits[0]++
		:: exits[1]++
		:: exits[2]++
		fi
	}
}

inline lock_door(cpu)   { atomic { !door -> door = true; flush(cpu) } }
inline unlock_door()    { door = false }

/* file_open() */
inline call_open(cpu)
{
	count_entrance(cpu);			/* 1) increases module-entrance count */
	lock_door(cpu);				/* 2) acquires mutex */
	if
	:: unloading				/* 3) examines unloading flag */
	:: else -> in_module("  open()\n")	/*    b) performs open */
	fi;
	count_exit(cpu);			/* 4) increases module-exit count */
	unlock_door()				/* 5) releases mutex */
}

/* file_read(), file_write(), a timer, an interrupt */
inline call_read(cpu)
{
	bool stub;
#if !defined(OPEN_ONLY) && !defined(IN_MODULE)
	count_entrance(cpu);
#endif
	atomic { stub = closed; printf("reads the function\n") };
	if
	:: stub -> printf("  finds the stub\n")
	:: else ->
		in_module("  read(): first instruction\n");
#ifdef IN_MODULE
		count_entrance(cpu);
		in_module("  read()\n");
		count_exit(cpu);
#endif
		in_module("  read(): returns\n")
	fi;
#if !defined(OPEN_ONLY) && !defined(IN_MODULE)
	count_exit(cpu)
#endif
}

active [CPUS] proctype task()
{
	byte calls;

	do
	:: calls < CALLS ->
		calls++;
		if
		:: call_open(_pid)
		:: call_read(_pid)
		fi
	:: buffered[_pid] -> flush(_pid)	/* a store buffer empties itself some time */
	:: calls == CALLS -> break
	od
}

/* One CPU's number after the other. */
#define sum(into, numbers)						\
	into = 0; cpu = 0;						\
	do								\
	:: cpu < CPUS -> d_step { into = into + numbers[cpu]; cpu++ }	\
	:: else -> break						\
	od

active proctype unloader()
{
	byte out, in, cpu;

	atomic { !door -> door = true }			/* 1) acquires mutex */
	unloading = true;				/* 2) sets the unloading flag */
	atomic { printf("unlinks\n"); closed = true }	/* 3) unlinks entry points */
#ifndef NO_IPI
	cpu = 0;					/*    (our extension) */
	do
	:: cpu < CPUS -> atomic { printf("interrupts %d\n", cpu); flush(cpu); cpu++ }
	:: else -> break
	od;
#endif
	do						/* 4) while entrances > exits */
	::	unlock_door();
#ifdef ENTRANCES_FIRST
		sum(in, entrances);
		printf("%d came in\n", in);
		sum(out, exits);
		printf("%d went out\n", out);
#else
		sum(out, exits);
		printf("%d went out\n", out);
		sum(in, entrances);
		printf("%d came in\n", in);
#endif
		atomic { !door -> door = true };
		if
		:: in == out -> break
		:: else
		fi
	od;
	unlock_door();					/* 5) releases mutex */
	atomic { printf("unmaps\n"); freed = true }	/* 6) unmaps module */
}
