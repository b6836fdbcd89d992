/* The machine that trap.pml and census.pml take modules out of: CPUs that run tasks, switch
 * them, move them, give birth to one and take interrupts, with one module to be in.
 *
 * Models  kernel/sched/schedule.c     run_scheduler(), pick_and_switch(), finish_switch()
 *         kernel/sched/balance.c      balance_pull(): who rests may go on on any CPU
 *         kernel/sched/task.c         task_init(): a child inherits the mark of who made it
 *         kernel/entry/file.c         file_read(); file_close(), which goes in while GOING
 *         kernel/entry/irq_dispatch.c irq_dispatch()
 *         kernel/entry/owner.c        owner_raise_epoch(), owner_commit_gone()
 *         kernel/smp/ipi.c            smp_call(): a CPU answers with its interrupts on
 *
 * What a task does next is left open, so whatever a program may do is among it: any task that
 * rests may be chosen, nobody is ever forced to give its CPU away (that is what preemption off
 * amounts to), and a task goes into the module and out of it as it likes.
 *
 * What a task knows of the module is one bit, holds[]: an address of it lies on its stack or in
 * its registers. Who reads the stack of a task that runs may see nothing, even if it holds one.
 *
 * What happens under the lock of a run queue, with interrupts off, is one step: who takes that
 * lock sees a task before its switch or after it, and who interrupts meets the next task.
 *
 * Memory is sequentially consistent. On x86 the one reordering is that a load passes an older
 * store to another place; ARCHITECTURE.md lists what is published to whom, and each of these
 * has a locked instruction or an interrupt between the two (young.pml has the counterexample).
 *
 * A way in that is open although the module is GOING is taken once: the release() of a file,
 * or a pointer that one inside hands to another task through a function of the core. (The core
 * in fact lets only the first through. The second it holds back until the module is LIVE
 * again; here it arrives at once, so the model allows more than the core.) Both raise the epoch.
 *
 * Besides the asker's, which runs the asker alone, there are two CPUs. A task runs on each of
 * them, and a third is born on the way. Who includes this says what happens at the head of
 * schedule() while the flag is up: PASS_FLAG(c); and, if it likes, what a store in
 * switch_tasks() leaves for later: STORE_LATE(c); and NO_HANDLERS, if interrupts do not matter.
 */
#ifndef STORE_LATE
#define STORE_LATE(c)	skip
#endif
#define CPUS	2
#define TASKS	3
#define CHILD	2

byte curr[CPUS];		/* the task that runs there */
bool in_handler[CPUS];		/* ... and on top of it, interrupts off, a handler of the module */
bool born;			/* the child */
bool tasklist_lock;
bool holds[TASKS];		/* an address of the module */
bool passed[TASKS];		/* carries the number of this inspection */

byte flag;			/* module_remove */
bool closed;			/* the records lead to stubs */
bool way_in = true;		/* still to be taken */
byte epoch;
bool gone, freed;

#define me		curr[c]
#define runs(t)		(curr[0] == t || curr[1] == t)
#define cpu_of(t)	(curr[1] == t -> 1 : 0)
#define exists(t)	(t != CHILD || born)
#define at_rest(t)	(!runs(t) && exists(t))

inline goes_in(t)
{
	way_in = false;
	holds[t] = true;
#ifndef NO_EPOCH
	epoch++
#endif
}

/* Everything that this CPU can do between two calls of schedule(). */
inline run_a_little()
{
	if
	:: atomic { !holds[me] && !closed ->		/* file_read() */
		printf("task %d reads the driver's function\n", me); holds[me] = true }
	:: atomic { holds[me] ->
		printf("task %d executes the module\n", me); assert(!freed) }
	:: atomic { holds[me] ->
		printf("task %d leaves the module\n", me); holds[me] = false }
	:: atomic { way_in && !holds[me] && !gone ->	/* file_close(), under registry_lock */
		printf("task %d closes its file: goes in, epoch + 1\n", me); goes_in(me) }
	:: atomic { way_in && holds[me] && !gone ->
		if
		:: other = 0
		:: other = 1
		:: born -> other = CHILD
		fi;
		printf("task %d hands a pointer to task %d, epoch + 1\n", me, other);
		goes_in(other);
		other = 0
	   }
	:: atomic { !born && !tasklist_lock ->		/* task_init() */
		printf("task %d has a child\n", me);
		born = true;
		holds[CHILD] = holds[me];
#ifndef CHILD_PASSES
		passed[CHILD] = passed[me]
#else
		passed[CHILD] = true
#endif
	   }
#ifndef NO_HANDLERS
	:: atomic { !closed ->				/* irq_dispatch() */
		printf("an interrupt: into the module's handler\n"); in_handler[c] = true };
	   atomic {
		printf("the handler returns\n"); assert(!freed); in_handler[c] = false }
#endif
	fi
}

proctype cpu(byte c)
{
	byte other, trap;		/* trap: for PASS_FLAG() */

	do
	:: run_a_little()
	:: PASS_FLAG(c);			/* schedule(): interrupts are still on, who is
						 * asked something here answers as the old task */
	   if					/* pick_and_switch(), finish_switch() */
	   :: atomic { at_rest(0) -> printf("switches from task %d to task 0\n", me); STORE_LATE(c); me = 0 }
	   :: atomic { at_rest(1) -> printf("switches from task %d to task 1\n", me); STORE_LATE(c); me = 1 }
	   :: atomic { at_rest(2) -> printf("switches from task %d to task 2\n", me); STORE_LATE(c); me = 2 }
	   :: skip
	   fi
	od
}

/* Task i runs on CPU i. */
inline boot()
{
	atomic { curr[1] = 1; run cpu(0); run cpu(1) }
}

/* The claim: from now on nobody can be inside. */
inline assert_nobody_inside()
{
	for (t : 0 .. TASKS - 1) { assert(!holds[t]) }
	for (c : 0 .. CPUS - 1)  { assert(!in_handler[c]) }
}
