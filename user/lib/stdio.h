/* The console. Writing needs AUTH_CONSOLE in HANDLE_KERNEL; without it what is written
 * is lost. */
#pragma once
#include "lib/format.h"

/* Each call is written in one piece, up to 256 characters: lines of different processes do
 * not mix. The number of characters. */
int printf(const char *fmt, ...) printf_like(1, 2);
int vprintf(const char *fmt, va_list args);
/* As it is, of any length. */
void console_write(const char *text, u32 len);
