/* The PS/2 keyboard controller, polled. */
#pragma once
#include "lib/types.h"

/* Turns translation to scan code set 1 on and the keyboard's interrupt off.
 * False when there is no controller. */
bool i8042_init(void);
bool i8042_present(void);
bool i8042_ready(void);
/* The scan code that has arrived, or -EAGAIN; the mouse's bytes are dropped. */
int  i8042_read(void);
