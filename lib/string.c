/* The compiler turns loops like these into calls of memcpy() and memset(), which
 * here would mean themselves: build this file with -fno-tree-loop-distribute-patterns. */
#include "lib/string.h"

/* Copies upwards: right whenever dst does not begin inside src. String
 * instructions take four bytes a step without a loop of ours; the direction flag
 * is clear as the ABI demands (System V i386 ABI, 2.2.3). */
static inline void copy_upwards(void *dst, const void *src, size_t n)
{
#if defined(__i386__)
	size_t count = n / 4;

	__asm__ volatile("rep movsl" : "+D"(dst), "+S"(src), "+c"(count) :: "memory");
	count = n & 3;
	__asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(count) :: "memory");
#else
	u8 *to = dst;
	const u8 *from = src;

	while (n--)
		*to++ = *from++;
#endif
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	copy_upwards(dst, src, n);
	return dst;
}

void *memset(void *dst, int byte, size_t n)
{
	void *to = dst;
#if defined(__i386__)
	size_t count = n / 4;
	u32 word = (u8)byte * 0x01010101u;

	__asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(word) : "memory");
	count = n & 3;
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(word) : "memory");
#else
	while (n--)
		*(u8 *)to++ = (u8)byte;
#endif
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	u8 *to = dst;
	const u8 *from = src;

	/* Upwards unless dst begins inside src: then a byte would be overwritten
	 * before it is read. One unsigned comparison says both. */
	if ((uintptr_t)dst - (uintptr_t)src >= n)
		copy_upwards(dst, src, n);
	else
		while (n--)
			to[n] = from[n];
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

size_t strlen(const char *s)
{
	const char *end = s;

	while (*end)
		end++;
	return (size_t)(end - s);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static u32 take_number(const char **s)
{
	u32 n = 0;

	while (is_digit(**s))
		n = n * 10 + (u32)(*(*s)++ - '0');
	return n;
}

int natural_cmp(const char *a, const char *b)
{
	for (;;) {
		if (is_digit(*a) && is_digit(*b)) {
			u32 m = take_number(&a), n = take_number(&b);

			if (m != n)
				return m < n ? -1 : 1;
		} else if (*a != *b || !*a) {
			return (u8)*a - (u8)*b;
		} else {
			a++, b++;
		}
	}
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)s;
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	do {
		if (*s == (char)c)
			found = s;
	} while (*s++);
	return (char *)found;
}

char *strstr(const char *hay, const char *needle)
{
	size_t n = strlen(needle);

	do {
		if (!strncmp(hay, needle, n))
			return (char *)hay;
	} while (*hay++);
	return NULL;
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src);

	if (size) {
		size_t n = MIN(len, size - 1);
		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return len;
}

size_t line_length(const char *text, size_t width)
{
	size_t len = strlen(text), at = width;

	if (len <= width)
		return len;
	while (at && text[at] != ' ')
		at--;
	return at ? at : width;
}
