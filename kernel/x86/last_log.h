/* The end of the log, in memory that a warm reset keeps: what a machine said before it was reset is shown
 * when it boots the next time. */
#pragma once
#include "lib/types.h"

/* Shows what is there from the last run, and keeps the log there from now on. Boot CPU, once, when the
 * loader's memory map is known. */
void last_log_init(void);
/* The memory that it has, in bytes; both 0: none. Nothing else may use it. */
void last_log_place(paddr_t *start, paddr_t *end);
/* log.c's: the caller holds the console's lock, or is alone. */
void last_log_append(const char *text, u32 len);
/* The run ends in good order: the next one shows nothing. Any context. */
void last_log_drop(void);
