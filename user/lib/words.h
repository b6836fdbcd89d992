/* Command lines. */
#pragma once
#include "lib/parse.h"

/* The words as one line, quoted where need be: split_words() takes it apart into the
 * same words. 0 or -E2BIG: `size` is not enough. */
int join_words(int argc, char **argv, char *out, u32 size) must_use;
