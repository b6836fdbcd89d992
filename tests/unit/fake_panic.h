/* panic() for the host: goes back to the expect_panic() that waits for it, or
 * fails the test. Included once, by the test itself. */
#pragma once
#include "unit.h"
#include "x86/panic.h"

static jmp_buf panic_return;
static bool panic_expected;
static char panic_text[256];

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(panic_text, sizeof(panic_text), fmt, args);
	va_end(args);
	if (!panic_expected)
		fail_msg("panic: %s", panic_text);
	longjmp(panic_return, 1);
}

/* Runs `statement`, which must panic; panic_text is then what it said. */
#define expect_panic(statement)                                                 \
	do {                                                                    \
		panic_expected = true;                                          \
		if (!setjmp(panic_return)) {                                    \
			statement;                                              \
			fail_msg("no panic: %s", #statement);                   \
		}                                                               \
		panic_expected = false;                                         \
	} while (0)
