/* Tasks that use devices as hard as they can: for hammer, tour and torture. */
#pragma once
#include "lib/prng.h"
#include "lib/types.h"
#include "sched/task.h"

#define MAX_USERS 64

struct user_counts { u32 opens, calls, refused, cut_off; };

struct users {
	/* Fixed once started. */
	u32 nr;
	u32 seed;
	u32 rests_in;			/* a task rests after one use in so many */
	char device[24];		/* "": any */
	struct user { struct users *all; struct task *task; u32 index;
		struct user_counts counts; } user[MAX_USERS];
	/* Atomic. */
	bool stop;
};

/* Starts `nr` tasks spread over all CPUs, each opening, reading, asking (ioctl)
 * and closing `device` (NULL: a random one each time) over and over. A device
 * that is not there is asked for again a little later. After one use in `rests_in` a task rests for
 * up to half a millisecond. 0 or -ENOMEM. */
int  users_start(struct users *u, u32 nr, const char *device, u32 seed, u32 rests_in) must_use;
#define USERS_HARD 16u			/* rests_in: they leave little of a CPU to others */
/* Stops them and waits until all have ended; adds up what they did. May sleep. */
struct user_counts users_stop(struct users *u);
struct user_counts users_counts(const struct users *u);
