/* The stage: what an experiment of `hazard` shares with the modules that it
 * puts on it. They lie in the core, so both outlive the module. */
#pragma once
#include "entry/notifier.h"

#define HAZARD_ALIVE 0x900d	/* what a usable module answers to ioctl 0 */

struct stage {
	volatile u32 at;		/* how many stand where they are wanted; atomic */
	volatile u32 go;		/* they may leave */
	struct wait_queue queue;	/* of the core; the director wakes it */
	struct notifier_chain chain;	/* the director calls it */
	/* rmmod for a module that asks for one from inside. Set by the director. */
	int (*rmmod)(const char *name);
};

extern struct stage stage;
