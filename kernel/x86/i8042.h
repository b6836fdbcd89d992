/* The PS/2 keyboard and its controller, polled. */
#pragma once
#include "lib/types.h"

/* Tests and sets up the controller, resets the keyboard; translation to scan code set 1 is on then and
 * its interrupt off. False when no controller or no keyboard answers, which takes 0.2 s; a
 * keyboard takes about 0.5 s for its reset, an emulated one nothing. */
bool i8042_init(void);
bool i8042_present(void);
bool i8042_ready(void);
/* The scan code that has arrived, or -EAGAIN; the mouse's bytes are dropped. */
int  i8042_read(void);
