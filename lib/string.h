/* Memory and strings, freestanding. The compiler may call the first four of
 * its own accord. */
#pragma once
#include "lib/types.h"

void  *memcpy(void *restrict dst, const void *restrict src, size_t n);
void  *memmove(void *dst, const void *src, size_t n);
void  *memset(void *dst, int byte, size_t n);
int    memcmp(const void *a, const void *b, size_t n);

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int    strcmp(const char *a, const char *b);
int    strncmp(const char *a, const char *b, size_t n);
char  *strchr(const char *s, int c);
char  *strrchr(const char *s, int c);
char  *strstr(const char *hay, const char *needle);
/* As strcmp(), but each run of digits counts as a number: "a9" comes before "a10".
 * Numbers are taken modulo 2^32. */
int    natural_cmp(const char *a, const char *b);
/* Copies at most size-1 bytes and always terminates (size > 0).
 * Returns strlen(src), so a result >= size means it was cut. */
size_t strlcpy(char *dst, const char *src, size_t size);
/* How many bytes of `text` fill a line of `width` columns (at least 1) without cutting a
 * word; a longer word is cut. */
size_t line_length(const char *text, size_t width);

static inline bool streq(const char *a, const char *b)          { return strcmp(a, b) == 0; }
/* The first letter mostly decides, so neither of the two is measured first. */
static inline bool starts_with(const char *s, const char *pre)
{
	while (*pre) {
		if (*s++ != *pre++)
			return false;
	}
	return true;
}
