/* library: a record whose function lies in one module, a library, and whose argument lies in another one,
 * its user.
 *
 * Models  kernel/entry/entry.c    entry_add(), entries_close(), entries_reopen(), entry_call_begin()
 *         kernel/entry/work.c     as one of the kinds that call in task context (notifier.c,
 *                                 callback.c, thread.c and dma.c do the same)
 *         kernel/unload/inspect.c the look, as one step (trap.pml has how it comes to be one)
 * Asserts that the library's function is not called with, and does not read, an argument in memory
 *         that was freed.
 * Left out: the look at the library's own range, which its return addresses show; interrupts, which
 *         are over before their CPU answers.
 *
 * A worker calls the record's function again and again; the user is unloaded; and an unload of the
 * library closes the record and rolls back, as often as it likes.
 *
 * Each variant takes one part of the argument away:
 * check: clean
 * check: trail  ONE_OWNER       the record belongs to the module of its function only
 * check: trail  SHOWS_FUNCTION  the caller shows an address of the function's module only
 * check: trail  SHOWS_LATE      the address is put on the stack behind the lock of close()
 * check: trail  ONE_CLOSER      the record is open as soon as one of its modules opens it
 */
byte closers;			/* links that are closed */
bool shown;			/* struct entry_call: an address of the user on the worker's stack */
bool freed;			/* the user's memory */

#define closed	(closers != 0)

inline put_on_stack()
{
#ifndef SHOWS_FUNCTION
	shown = true
#else
	skip
#endif
}

active proctype worker()
{
	do
	:: atomic {					/* under the lock of close() */
		!closed && !freed ->
#ifndef SHOWS_LATE
		put_on_stack();
#endif
		printf("begins a call\n")
	   };
#ifdef SHOWS_LATE
	   put_on_stack();
#endif
	   atomic { printf("the library reads the argument\n"); assert(!freed) };
	   shown = false				/* entry_call_end() */
	od
}

active proctype unload_of_user()
{
	bool outside;

try:	printf("closes\n");				/* entries_close() */
#ifndef ONE_OWNER
	closers++;
#endif
	outside = !shown;				/* the look */
	if
	:: outside -> atomic { printf("nobody is inside: frees\n"); freed = true }
	:: !outside ->					/* rolls back */
		printf("rolls back\n");
#ifndef ONE_OWNER
		atomic { closers = (closers -> closers - 1 : 0) };
#endif
		goto try
	fi
}

active proctype unload_of_library()
{
	do
	:: printf("the library closes\n");
	   closers++;
	   printf("the library rolls back\n");
#ifndef ONE_CLOSER
	   closers--
#else
	   closers = 0
#endif
	od
}
