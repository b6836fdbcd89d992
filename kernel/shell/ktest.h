/* In-kernel tests. Each is `int test_...(void)` in tests/kernel: 0, or a
 * negative error after a line that says what was wrong. They run in the asking
 * task and leave the machine as they found it. */
#pragma once
#include "lib/types.h"

#define KTEST_SKIPPED 1		/* e.g. too few CPUs; the test has said why */

struct ktest { const char *name; int (*run)(void); };

extern const struct ktest ktests[];	/* made by the build; ends with a NULL name */
