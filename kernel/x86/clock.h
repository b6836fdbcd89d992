/* Time. The TSC, calibrated against HPET, PM timer or PIT, whichever is there. */
#pragma once
#include "lib/types.h"
#include "x86/cpu.h"

#define NSEC_PER_USEC 1000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_SEC  1000000000ull

/* What is timed so that a CPU gets some work done meanwhile is multiplied by this. The calls that the compiler
 * puts at each access make the checked builds so much slower, roughly (docs/TESTING.md). */
#if defined(KCSAN)
#define BUILD_SLOWNESS 8u
#elif defined(CHECKED)
#define BUILD_SLOWNESS 4u
#else
#define BUILD_SLOWNESS 1u
#endif

void clock_init(void);
/* Nanoseconds since clock_init(). Any context. */
u64  clock_ns(void);
u32  tsc_khz(void);
u64  tsc_to_ns(u64 cycles);
/* Waits in a loop; for hardware that wants real delays. Any context. */
void delay_us(u32 us);
/* True once `ns` of clock_ns() has been reached. */
static inline bool clock_passed(u64 deadline) { return (s64)(clock_ns() - deadline) >= 0; }
