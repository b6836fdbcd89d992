/* Machine checks: the hardware reports that it is broken. */
#pragma once

/* Boot CPU, once. */
void machine_check_init(void);
/* Every CPU: has all errors reported (trap_load() lets the exception through). */
void machine_check_enable(void);
