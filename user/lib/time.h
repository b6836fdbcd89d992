/* Time. */
#pragma once
#include "user/lib/syscall.h"

/* Nanoseconds since the boot. */
static inline u64 clock_ns(void)
{
	u32 ebx = 0, low = 0, high = 0, khz = 0;

	(void)syscall_words(SYS_CLOCK, &ebx, &low, &high, &khz);
	return (u64)high << 32 | low;
}

/* 0, or -EINTR: the process is being ended. */
static inline int sleep_us(u32 us) { return syscall(SYS_SLEEP, 0, us, 0, 0); }
