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
