/* naive: the module counts itself.
 *
 * Models  kernel/unload/naive.c    naive_unload(), which looks at the count, cleans up, frees
 *         kernel/unload/remove.c   look_at_use_count(), cleanup_module(), remove_module()
 *         kernel/entry/file.c      file_open(), file_close(): into the driver and out again
 *         kernel/module/api.h      MOD_INC_USE_COUNT, MOD_DEC_USE_COUNT in the module's text
 * Asserts that nobody fetches an instruction of a module that is freed.
 * Leaves out all that does not count: interrupts, timers, threads. They need no model to fail.
 *
 * As it is, three windows are open. Each of these shuts one of them:
 *   CORE_GETS   the count is raised outside, before the driver's function is fetched
 *   CORE_PUTS   ... and lowered outside, after the driver's function has returned
 *   SEALED      "is it zero?" and "nobody may come in" are one step, not two
 * and with all three it is what Linux has had since 2.6: try_module_get(), module_put().
 *
 * check: trail
 * check: trail  CORE_PUTS SEALED       the pointer was read, the count not yet raised
 * check: trail  CORE_GETS SEALED       the last put is done, the return is still to come
 * check: trail  CORE_GETS CORE_PUTS    the count was zero, the clean-up not yet done
 * check: clean  CORE_GETS CORE_PUTS SEALED
 */
#define READERS 3		/* each on a CPU of its own; the unloader on a fourth */

byte count;			/* module_use_count */
bool sealed;			/* the core turns newcomers away */
bool unregistered;		/* cleanup_module() has taken the device off the list */
bool freed;

/* One instruction in the module's text. */
#define in_module(what)	atomic { printf(what); assert(!freed) }

/* device_find() and the fetch of the driver's function, under registry_lock. */
inline core_enters(let_in)
{
	atomic {
		let_in = !unregistered && !sealed;
		if
		:: let_in ->
			printf("reads the driver's function\n");
#ifdef CORE_GETS
			count++
#endif
		:: else
		fi
	}
}

active [READERS] proctype reader()
{
	bool let_in;

again:	core_enters(let_in);
	if
	:: !let_in -> goto turned_away
	:: else
	fi;

	in_module("  first instruction\n");
#ifndef CORE_GETS
	atomic { printf("  MOD_INC_USE_COUNT\n"); assert(!freed); count++ }
#endif
	in_module("  works\n");
#ifndef CORE_PUTS
	atomic { printf("  MOD_DEC_USE_COUNT\n"); assert(!freed); count-- }
#endif
	in_module("  returns\n");
#ifdef CORE_PUTS
	count--;
#endif
	goto again;
turned_away:
	skip
}

active proctype unloader()
{
#ifdef SEALED
	atomic { count == 0 -> printf("the count is 0, shut\n"); sealed = true }
#else
	atomic { count == 0 -> printf("the count is 0\n") }	/* look_at_use_count() */
#endif
	atomic { printf("cleans up\n"); unregistered = true }	/* cleanup_module() */
	atomic { printf("frees\n"); freed = true }		/* remove_module() */
}
