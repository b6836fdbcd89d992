/* What lib/string.h becomes where memory is checked: included in front of all else. */
#pragma once
#ifndef __ASSEMBLER__
#include "lib/string.h"

void  *checked_memcpy(void *dst, const void *src, size_t n);
void  *checked_memmove(void *dst, const void *src, size_t n);
void  *checked_memset(void *dst, int byte, size_t n);
size_t checked_strlcpy(char *dst, const char *src, size_t size);

#ifdef __SANITIZE_ADDRESS__
#define memcpy(dst, src, n)      checked_memcpy(dst, src, n)
#define memmove(dst, src, n)     checked_memmove(dst, src, n)
#define memset(dst, byte, n)     checked_memset(dst, byte, n)
#define strlcpy(dst, src, size)  checked_strlcpy(dst, src, size)
#endif
#endif
