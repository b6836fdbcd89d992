/* printk and vprintk as modules have them. One in a loop would keep the console from the output of
 * commands and the prompt's echo; so all modules together have SAY_LINES calls in a second. What is
 * beyond is left out, and the log says how much, and of which module. Any context. */
#pragma once
#include "lib/types.h"

#define SAY_LINES 200u

void module_printk(const char *fmt, ...) printf_like(1, 2);
void module_vprintk(const char *fmt, va_list args);
