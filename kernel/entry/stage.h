/* The stage: what an experiment of `hazard` shares with the modules that it
 * puts on it. They lie in the core, so both outlive the module. */
#pragma once
#include "entry/notifier.h"

#define HAZARD_ALIVE 0x900d	/* what a usable module answers to ioctl 0 */

struct stage {
	volatile u32 at;		/* how many stand where they are wanted; atomic */
	volatile u32 go;		/* they may leave */
	u64 ms;				/* a millisecond in ns, longer when deadlines are */
	struct wait_queue queue;	/* of the core; the director wakes it */
	struct notifier_chain chain;	/* the director calls it */
	/* A bus master, played by the director: it writes `bytes` bytes at a bus address,
	 * whoever has that memory by then, unless the driver has stopped it. */
	struct { u64 address; u32 bytes; bool running; } device;
	const volatile u32 *page;	/* a word of the module's, for CPUs to look at */
	/* The first who was seen to use what is gone where no fault shows it. */
	u32 nr_accused;			/* atomic */
	char accusation[128];
	/* rmmod for a module that asks for one from inside. Set by the director. */
	int (*rmmod)(const char *name);
};

extern struct stage stage;

/* The running task uses what it has no right to: `what`, in words. Any context. */
void stage_accuse(const char *what);
