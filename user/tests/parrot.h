/* What the server `parrot` is asked by `ask`. */
#pragma once

enum parrot_call {
	PARROT_NEXT = 1,	/* w1: a number. Answer: w1 is the next one */
	PARROT_REVERSE,		/* a text, granted to be read and written */
	PARROT_CRASH,		/* by writing to address 0 */
	PARROT_EXIT,		/* without an error */
	PARROT_CRASH_ALL,	/* by a thread on each of four CPUs, at once */
};
