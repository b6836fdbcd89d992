/* idle: a CPU that is idle is not asked, it is marked; what it missed it makes good when it leaves.
 *
 * Models  kernel/smp/idle.c          idle_begin(), idle_end(), cpus_idle(), cpus_idle_to_flush()
 *         kernel/x86/trap.c          interrupt(): the idle state ends before the handler begins
 *         kernel/sched/idle.c        idle_loop()
 *         kernel/unload/hold.c, inspect.c   a CPU that is idle is neither kicked nor sampled
 *         kernel/smp/tlb.c           flush_on()
 * Asserts that at the commit neither the task nor a handler is inside, that no freed code is executed,
 *         and that no code is executed through the translation of a module that was there before.
 * Left out: what trap.pml and ahead.pml show. One CPU besides the asker's, since each is seen by itself;
 *         one task, which that CPU runs when it has left idle, and which may be inside while it rests.
 *
 * After the unload another module gets the same addresses, in another frame, and the same record. A CPU
 * may fill its TLB at any time, also while it is idle. Memory is sequentially consistent but for one
 * store of the CPU, that it is busy, and one of the asker, that the record is closed.
 *
 * Each variant takes one part of the argument away:
 * check: clean
 * check: trail  LEAVES_UNLOCKED  the CPU leaves by a plain store: its loads may pass it
 * check: trail  RECORD_FIRST     the handler's record is loaded before the CPU has left
 * check: trail  FLUSH_LATE       the TLB is flushed behind the handler
 * check: trail  NO_MARK          an idle CPU is passed by a shootdown, and does not know
 * check: trail  MARKS_BLINDLY    "idle", and then the mark: the CPU has left in between
 * check: trail  COUNTED_MARK     the mark lies in the word that the interrupt's entry increments, unlocked
 * check: trail  NO_FENCE         the asker looks for idle CPUs before its store can be seen
 * check: trail  WOKEN_BY_NMI     halts no more, without an interrupt, and the loop goes on as if it had not been idle
 */
#define BUSY	0
#define IDLE	1
#define MARKED	2		/* idle, and to flush its TLB before it does anything else */

byte state = IDLE;		/* cpu->idle_state */
bool late_busy;			/* the CPU's store BUSY is in its buffer */
byte record = 1;		/* the module that it leads to; 0: a stub */
bool late_close;		/* the asker's store of 0 is in its buffer */
byte page = 1;			/* the frame in the page table; each module has a frame of its own number */
byte tlb;			/* the frame that this CPU has cached; 0: none */
bool freed;			/* frame 1 */

byte flag;			/* module_remove */
bool irqs_on;			/* the CPU would answer */
bool parked, t_runs, t_holds;
bool in_handler;
bool gone;

#define fill_tlb()	if :: page && !tlb -> tlb = page :: skip fi
/* An instruction of module m: by what is cached, else by what is found in the tables. */
#define execute(m)							\
	atomic {							\
		printf("executes module %d\n", m);			\
		assert(!(m == 1 && freed));				\
		if :: !tlb -> tlb = page :: else fi;			\
		assert(tlb == m)					\
	}

inline drain()	{ if :: late_busy -> state = BUSY; late_busy = false :: else fi }

/* idle_end() */
inline leave()
{
#if defined(LEAVES_UNLOCKED)
	atomic { was = state; printf("is busy, unlocked\n"); late_busy = true };
#else
#ifdef COUNTED_MARK
	was = state;			/* incl: a load, */
	state = was;			/* and a store */
#endif
	atomic { was = state; state = BUSY; printf("is busy; it was %d\n", was) };
#endif
#ifndef FLUSH_LATE
	flush_if_marked()
#endif
}
inline flush_if_marked()
{
	if :: was == MARKED -> atomic { printf("flushes its TLB\n"); tlb = 0 } :: else fi
}

/* A device interrupts: interrupts are off. */
inline handle()
{
#ifdef RECORD_FIRST
	found = record;
	leave();
#else
	leave();
	found = record;
#endif
	if
	:: found -> in_handler = found == 1; execute(found); in_handler = false
	:: !found
	fi;
	found = 0;
#ifdef FLUSH_LATE
	flush_if_marked()
#endif
}

/* The task runs, with interrupts on: goes in, leaves, or is in all the while. */
inline run_task()
{
	atomic { printf("switches to the task\n"); t_runs = true; irqs_on = true };
	if
	:: atomic { record == 1 && !late_close && !t_holds -> t_holds = true; printf("the task goes in\n") }
	:: t_holds -> execute(1); atomic { t_holds = false; printf("the task leaves\n") }
	:: record == 2 -> execute(2)
	:: skip
	fi;
	drain();
	atomic { printf("the task sleeps\n"); t_runs = false }
}

inline schedule()
{
	irqs_on = true;
	if
	:: flag -> atomic { printf("parks\n"); parked = true }; atomic { !flag -> parked = false }
	:: !flag
	fi;
	if :: run_task() :: skip fi;
	irqs_on = false
}

active proctype cpu()
{
	byte was, found;

	do
	:: irqs_on = false;
	   drain();					/* at the latest: the loop takes locks */
	   if :: atomic { state == BUSY -> printf("is idle\n"); state = IDLE } :: else fi;
	   do						/* HLT */
	   :: atomic { page && !tlb -> tlb = page }
	   :: atomic { printf("an interrupt\n") }; handle(); schedule(); break
#ifdef WOKEN_BY_NMI
	   :: atomic { printf("an NMI\n") }; schedule(); break
#else
	   :: atomic { printf("an NMI\n") }; leave(); schedule(); break
#endif
	   od
	:: late_busy -> drain()
	od
}

inline see_closed()	{ if :: late_close -> record = 0; late_close = false :: else fi }

/* What a CPU answers: it has left its handlers. An interrupt empties its store buffer. */
inline ask()		{ irqs_on || parked; drain() }

active proctype asker()
{
	byte seen;

#ifdef NO_FENCE
	late_close = true;
#else
	record = 0;
#endif
try:	atomic { printf("raises the flag\n"); flag = 1 };
	/* hold_cpus(), inspect_cpus(): is it idle? Then its idle task is outside. Else it is asked. */
	if
	:: atomic { state != BUSY -> printf("(the CPU is idle: not asked)\n"); seen = 1 }
	:: atomic { (state == BUSY && (irqs_on || parked)) -> drain(); printf("(the CPU answers)\n");
	   seen = (t_runs && t_holds -> 2 : (t_runs -> 3 : 1)) }
	fi;
	see_closed();
	/* The task: 2, it is inside; 3, it has passed; else its stack is read, and read again whether it rests. */
	if
	:: seen != 1
	:: seen == 1 && t_runs -> seen = 2
	:: atomic { seen == 1 && !t_runs -> seen = (t_holds -> 2 : 1) };
	   if :: t_runs -> seen = 2 :: else fi
	fi;
	if
	:: seen == 2 -> flag = 0; printf("tries again\n"); goto try
	:: else
	fi;
	atomic { printf("commits\n"); gone = true; assert(!t_holds && !in_handler); flag = 0 };
	page = 0;					/* module_unmap(), tlb_shootdown() */
#if defined(NO_MARK)
	if
	:: state != BUSY -> printf("(the CPU is idle: nothing to flush)\n")
#elif defined(MARKS_BLINDLY)
	if
	:: atomic { state != BUSY -> printf("(the CPU is idle)\n") };
	   atomic { printf("(it is marked)\n"); state = MARKED }
#else
	if
	:: atomic { state != BUSY -> printf("(the CPU is idle: it is marked)\n"); state = MARKED }
#endif
	:: atomic { (state == BUSY && irqs_on) -> drain(); printf("(the CPU flushes its TLB)\n"); tlb = 0 }
	fi;
	atomic { printf("frees\n"); freed = true };
	page = 2;
	atomic { printf("another module gets the addresses, and the record\n"); record = 2 }
}
