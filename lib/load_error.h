/* What was wrong with something that came from outside: a file, a parameter. */
#pragma once
#include "lib/types.h"

/* One line that names the place and the reason: "section 4 (.text): ends at
 * 0x9120, the file has 0x8000 bytes". */
struct load_error { char text[160]; };
/* Writes the line, with what a terminal might obey replaced, and returns `code`. */
int  load_fail(struct load_error *err, int code, const char *fmt, ...) printf_like(3, 4);
/* Puts "prefix: " in front of it. */
void load_error_prefix(struct load_error *err, const char *prefix);
