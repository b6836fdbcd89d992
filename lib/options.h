/* Options of a command: taken out of its words, wherever they stand. */
#pragma once
#include "lib/types.h"

/* Finds and removes flag `opt` ("-j") from argv; true when it was there. */
bool take_flag(int *argc, char **argv, const char *opt);
/* Finds and removes "-t VALUE": the value or NULL; *missing when it has none. */
const char *take_option(int *argc, char **argv, const char *opt, bool *missing);
/* The first argument that still starts with '-', or NULL. */
const char *left_option(int argc, char **argv);
