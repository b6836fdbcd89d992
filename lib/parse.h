/* Taking text apart: numbers, words, "name=value". */
#pragma once
#include "lib/types.h"

/* Parses all of `s` as a number (decimal, 0x hex; a leading 0 is NOT octal) into
 * *out. Returns 0, -EINVAL (not a number), -ERANGE (does not fit). */
int parse_u32(const char *s, u32 *out) must_use;
int parse_s32(const char *s, s32 *out) must_use;
/* "10s", "250ms", "5us", "80ns" or a bare number of seconds, into nanoseconds. */
int parse_duration(const char *s, u64 *ns) must_use;
/* y/n, 1/0, on/off, true/false. */
int parse_bool(const char *s, bool *out) must_use;

/* Splits `line` in place at blanks into at most `max` words; "double quotes"
 * keep blanks together and are taken off, and \ takes the meaning from a quote or
 * backslash after it. Returns the count, -E2BIG (more than max words) or -EINVAL
 * (a quote is not closed). */
int split_words(char *line, char *words[], int max) must_use;

/* Finds `name=value` in a kernel command line and copies the value to `out`.
 * name="a b" and "name=a b" (as GRUB passes it on) are the same; escapes as above.
 * The last one wins, so that what is appended overrides. Returns the value's
 * length, -ENOENT when it is not there, -ENAMETOOLONG when it does not fit. A bare
 * `name` has value "". */
int cmdline_get(const char *cmdline, const char *name, char *out, size_t size);

/* Copies the next word of a kernel command line to out[size], size > 0, without its quotes, cut if
 * need be, and moves *cmdline behind it. Returns its whole length, -ENOENT at the end. */
int cmdline_word(const char **cmdline, char *out, size_t size);
