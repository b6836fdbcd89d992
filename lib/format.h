/* printf for a kernel: no floats, no locale, no allocation. */
#pragma once
#include "lib/types.h"

/* Formats into a sink, one character at a time. Understands
 * %d %i %u %x %X %o %c %s %p %% with flags - 0 + space #, width and precision
 * (also *), and lengths hh h l ll z. Returns the number of characters put. */
int format(void (*put)(char c, void *ctx), void *ctx, const char *fmt, va_list args);

/* As in C99: always terminates when size > 0, returns the untruncated length. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args);
int snprintf(char *buf, size_t size, const char *fmt, ...) printf_like(3, 4);
