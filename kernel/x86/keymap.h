/* PS/2 scan code set 1 (as the i8042 translates it) to ASCII, US layout. */
#pragma once
#include "lib/types.h"

struct keymap { bool shift, ctrl, alt, caps, extended; u8 skip; };

#define KEYMAP_MAX_OUT 4

/* Feeds one scan code; writes 0 to 4 characters (arrows become ESC [ A ...)
 * to `out` and returns how many. Pure. */
int keymap_feed(struct keymap *k, u8 scancode, char out[KEYMAP_MAX_OUT]);
