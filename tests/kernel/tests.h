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

/* Runs a program of the archive to its end (test_user.c). 0, or -EIO: it ended with another status,
 * the line that failed, or the balance sheet differs. Task context. */
int run_test_program(const char *program, const char *args);
