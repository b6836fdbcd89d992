/* What was typed and not yet asked for, in order: a queue that grows while a command runs. */
#pragma once
#include "lib/types.h"

#define TYPEAHEAD_MAX 65536u

/* Is there room for one more? Makes some, if there is memory for it. When there is none, what is
 * typed stays in the kernel, and beyond that in the sender. */
bool typeahead_room(void) must_use;
/* Behind typeahead_room(). */
void typeahead_put(u8 c);
bool typeahead_empty(void) must_use;
/* The oldest; -EAGAIN: nothing. */
int  typeahead_get(void) must_use;
/* Forgets everything up to the last Ctrl-C; false: there is none. */
bool typeahead_ctrl_c(void) must_use;
