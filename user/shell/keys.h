/* The bytes that a terminal sends, as keys. */
#pragma once
#include "lib/types.h"

/* What read_key() returns: below KEY_HOME a Unicode character, control characters among them. */
enum key {
	KEY_HOME = 0x110000, KEY_END, KEY_UP, KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_WORD_LEFT, KEY_WORD_RIGHT,
	KEY_DELETE,
	KEY_NONE,			/* one that means nothing here */
	KEY_LOST,			/* characters were lost here, or bytes that are not UTF-8 came */
};
#define CTRL(c) ((c) & 0x1f)

/* Waits. Takes the bytes from next_key(). */
int read_key(void);
