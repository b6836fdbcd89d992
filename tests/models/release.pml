/* release: the end of a file, by its holder, by the last call in it, or by an unload that has cut it off; and
 * when the module may go.
 *
 * Models  kernel/entry/file_end.c    file_claim_end(), file_release(), file_ended(), file_drop(),
 *                                    file_call_ended()
 *         kernel/entry/file_cut.c    cut(), sort_out(), releaser()
 *         kernel/entry/file.c        file_open(), file_read()
 *         kernel/unload/steps.c      unload_begin(): the gate, the count, then GOING
 * Asserts that release() is called once, with nobody in another function of the driver for it, while the module is not
 *         GOING; that no file is open in a module that is GOING; and that a file is freed once, and not
 *         touched behind that.
 * Left out: bounds, roll-back; that a call that began before the cut is seen (an IPI, drawn in file.c).
 *
 * Each variant takes one part of the argument away:
 * check: clean
 * check: trail  GATE_OPEN       who opens does not wait at the gate
 * check: trail  NO_CLAIM        the second caller releases, too
 * check: trail  CUT_IN_CALL     what was cut off is released although a call uses it
 * check: trail  COUNTS_EARLY    a file does not count any more when its release() begins
 * check: trail  FREES_AT_END    the end frees the file, whether the holder has closed it or not
 */
mtype = { UNBORN, OPEN, RELEASING, RELEASED };
mtype file = UNBORN;
bool cut, in_call, in_driver, dropped, freed;
byte nr_files, releases;
bool draining, going;

/* file_claim_end(): under registry_lock. */
#ifndef NO_CLAIM
#define may_claim(calls)	(file == OPEN && !(calls))
#else
#define may_claim(calls)	(file != UNBORN && !(calls))
#endif

inline claim(calls)
{
	mine = may_claim(calls);
	if
	:: mine -> file = RELEASING
#ifdef COUNTS_EARLY
		; nr_files--
#endif
	:: else
	fi
}

inline take_if_dead()
{
#ifndef FREES_AT_END
	if
	:: file == RELEASED && dropped -> assert(!freed); printf("frees the file\n"); freed = true
#else
	if
	:: file == RELEASED -> printf("frees the file\n"); freed = true
#endif
	:: else
	fi
}

inline release()
{
	atomic { printf("release()\n"); releases++; assert(releases == 1 && !in_driver) };
	atomic { printf("release() returns\n"); assert(!going) };
	atomic {					/* file_ended(): under registry_lock */
		file = RELEASED;
#ifndef COUNTS_EARLY
		nr_files--;
#endif
		take_if_dead()
	}
}

active proctype holder()
{
	bool mine;

	atomic {					/* file_open(): under registry_lock */
		if
#ifndef GATE_OPEN
		:: !draining && !going -> printf("opens\n"); file = OPEN; nr_files++
#else
		:: !going -> printf("opens\n"); file = OPEN; nr_files++
#endif
		:: going -> printf("-ENODEV\n"); goto out
		fi
	};
	if
	:: atomic { assert(!freed); in_call = true; printf("begins a call\n") };
	   if
	   :: cut -> printf("it leads nowhere\n")
	   :: atomic { !cut -> printf("it is in the driver\n"); in_driver = true };
	      atomic { assert(!going); in_driver = false }
	   fi;
	   in_call = false;
	   atomic {					/* file_call_ended(): the end of a call on a file that was cut */
		mine = false;
		if
		:: cut -> claim(false)
		:: else
		fi
	   };
	   if
	   :: mine -> release()
	   :: !mine
	   fi
	:: skip
	fi;
	atomic { assert(!freed); claim(false) };	/* file_close() */
	if
	:: mine -> release()
	:: !mine
	fi;
	atomic { assert(!freed); printf("drops the file\n"); dropped = true; take_if_dead() };
out:	skip
}

active proctype unload()
{
	bool mine;

	draining = true;				/* unload_begin() */
	if
	:: atomic { file == OPEN -> printf("cuts it off\n"); cut = true };
	   atomic {					/* sort_out(), claim_idle() */
#ifndef CUT_IN_CALL
		claim(in_call)
#else
		claim(false)
#endif
	   };
	   if
	   :: mine -> release()
	   :: !mine
	   fi
	:: file != OPEN
	:: skip						/* it waits, without -r */
	fi;
	nr_files == 0;					/* the last one wakes it */
	printf("no file is open\n");
	going = true;
	atomic { draining = false; assert(nr_files == 0) }
}
