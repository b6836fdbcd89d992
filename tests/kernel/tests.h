/* For in-kernel tests. */
#pragma once
#include "lib/errno.h"
#include "x86/console.h"

#define CHECK(cond)                                                             \
	do {                                                                    \
		if (!(cond)) {                                                  \
			printk("%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
			return -EIO;                                            \
		}                                                               \
	} while (0)

/* Whoever is joined has ended a moment before it is counted no more. Waits, within reason, until
 * no more than so many tasks are there. */
void settle(u32 tasks);
