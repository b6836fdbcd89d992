/* One line of input, with editing, history and completion. */
#pragma once
#include "lib/types.h"

#define EDIT_MAX     256
#define EDIT_HISTORY 32

/* Prints `prompt` and reads a line into out[EDIT_MAX]. 0; -EINTR: given up with
 * Ctrl-C. May sleep. The prompt's task only. */
int edit_line(const char *prompt, char *out);
