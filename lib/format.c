#include "lib/format.h"
#include "lib/math64.h"
#include "lib/string.h"

/* Longer fields than this are mistakes; the cap also keeps sums from wrapping. */
#define MAX_FIELD 4096

struct sink {
	void (*put)(char c, void *ctx);
	void *ctx;
	int count;
};

/* One conversion: %[flags][width][.precision][length]letter */
struct spec {
	bool left, zero, plus, space, alt;
	int width;
	int precision;			/* -1: none given */
	size_t length;			/* bytes of an integer argument */
	char letter;
};

/* In a struct of its own so that a pointer to it can be handed on: where va_list
 * is an array (x86-64), a parameter of that type is not. */
struct arguments {
	va_list list;
};

static void put_char(struct sink *out, char c)
{
	out->put(c, out->ctx);
	out->count++;
}

static void put_repeated(struct sink *out, char c, int n)
{
	while (n-- > 0)
		put_char(out, c);
}

static void put_bytes(struct sink *out, const char *s, int n)
{
	while (n-- > 0)
		put_char(out, *s++);
}

static void put_text(struct sink *out, const struct spec *spec, const char *s, int len)
{
	int pad = spec->width - len;

	if (!spec->left)
		put_repeated(out, ' ', pad);
	put_bytes(out, s, len);
	if (spec->left)
		put_repeated(out, ' ', pad);
}

static void put_string(struct sink *out, const struct spec *spec, const char *s)
{
	if (!s)
		s = "(null)";
	/* With a precision, the string need not be terminated. */
	put_text(out, spec, s, (int)strnlen(s, spec->precision < 0 ? INT32_MAX
	                                                           : (size_t)spec->precision));
}

/* Writes the digits of `n` so that they end before `end`; returns the first. None for 0. */
static char *digits_of(u64 n, u32 base, bool upper, char *end)
{
	const char *digit = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	while (n) {
		u32 rem;
		n = div_u64_rem(n, base, &rem);
		*--end = digit[rem];
	}
	return end;
}

static void put_number(struct sink *out, const struct spec *spec, u64 n, u32 base,
                       const char *prefix)
{
	char buf[22];			/* 2^64 in octal */
	char *end = buf + sizeof(buf);
	char *first = digits_of(n, base, spec->letter == 'X', end);
	int digits = (int)(end - first), prefix_len = (int)strlen(prefix);
	int least = spec->precision < 0 ? 1 : spec->precision;

	if (spec->alt && base == 8)
		least = MAX(least, digits + 1);
	if (spec->zero && !spec->left && spec->precision < 0)
		least = MAX(least, spec->width - prefix_len);

	int zeros = MAX(least - digits, 0);
	int pad = spec->width - prefix_len - zeros - digits;

	if (!spec->left)
		put_repeated(out, ' ', pad);
	put_bytes(out, prefix, prefix_len);
	put_repeated(out, '0', zeros);
	put_bytes(out, first, digits);
	if (spec->left)
		put_repeated(out, ' ', pad);
}

static u64 unsigned_argument(const struct spec *spec, struct arguments *args)
{
	switch (spec->length) {
	case 1:  return (u8)va_arg(args->list, unsigned);
	case 2:  return (u16)va_arg(args->list, unsigned);
	case 8:  return va_arg(args->list, u64);
	default: return va_arg(args->list, unsigned);
	}
}

static s64 signed_argument(const struct spec *spec, struct arguments *args)
{
	switch (spec->length) {
	case 1:  return (s8)va_arg(args->list, int);
	case 2:  return (s16)va_arg(args->list, int);
	case 8:  return va_arg(args->list, s64);
	default: return va_arg(args->list, int);
	}
}

static void put_signed(struct sink *out, const struct spec *spec, s64 n)
{
	const char *sign = n < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";

	/* Negated as unsigned: the most negative number has no positive twin. */
	put_number(out, spec, n < 0 ? 0 - (u64)n : (u64)n, 10, sign);
}

static void put_hex(struct sink *out, const struct spec *spec, u64 n)
{
	bool prefix = spec->alt && n;

	put_number(out, spec, n, 16, !prefix ? "" : spec->letter == 'X' ? "0X" : "0x");
}

/* An address always looks the same, so that columns of them line up. */
static void put_pointer(struct sink *out, const struct spec *spec, const void *p)
{
	struct spec fixed = *spec;

	fixed.precision = 8;
	put_number(out, &fixed, (uintptr_t)p, 16, "0x");
}

static const char *parse_flags(const char *s, struct spec *spec)
{
	for (;; s++) {
		switch (*s) {
		case '-': spec->left = true; break;
		case '0': spec->zero = true; break;
		case '+': spec->plus = true; break;
		case ' ': spec->space = true; break;
		case '#': spec->alt = true; break;
		default:  return s;
		}
	}
}

/* Digits, or * for an argument. */
static const char *parse_count(const char *s, struct arguments *args, int *count)
{
	int n = 0;

	if (*s == '*') {
		n = va_arg(args->list, int);
		s++;
	} else {
		for (; *s >= '0' && *s <= '9'; s++)
			n = MIN(n * 10 + (*s - '0'), MAX_FIELD);
	}
	*count = MAX(MIN(n, MAX_FIELD), -MAX_FIELD);
	return s;
}

static const char *parse_length(const char *s, size_t *length)
{
	*length = sizeof(int);
	if (*s == 'h') {
		*length = sizeof(short);
		if (*++s == 'h') {
			*length = sizeof(char);
			s++;
		}
	} else if (*s == 'l') {
		*length = sizeof(long);
		if (*++s == 'l') {
			*length = sizeof(long long);
			s++;
		}
	} else if (*s == 'z') {
		*length = sizeof(size_t);
		s++;
	}
	return s;
}

/* Parses what follows a '%', up to and with the letter. */
static const char *parse_spec(const char *s, struct arguments *args, struct spec *spec)
{
	*spec = (struct spec){ .precision = -1 };
	s = parse_flags(s, spec);
	s = parse_count(s, args, &spec->width);
	if (spec->width < 0) {
		spec->left = true;
		spec->width = -spec->width;
	}
	if (*s == '.')
		s = parse_count(s + 1, args, &spec->precision);
	s = parse_length(s, &spec->length);
	spec->letter = *s;
	return *s ? s + 1 : s;
}

/* False: no such conversion. */
static bool convert(struct sink *out, const struct spec *spec, struct arguments *args)
{
	char c;

	switch (spec->letter) {
	case 'd':
	case 'i':
		put_signed(out, spec, signed_argument(spec, args));
		return true;
	case 'u':
		put_number(out, spec, unsigned_argument(spec, args), 10, "");
		return true;
	case 'o':
		put_number(out, spec, unsigned_argument(spec, args), 8, "");
		return true;
	case 'x':
	case 'X':
		put_hex(out, spec, unsigned_argument(spec, args));
		return true;
	case 'p':
		put_pointer(out, spec, va_arg(args->list, void *));
		return true;
	case 's':
		put_string(out, spec, va_arg(args->list, const char *));
		return true;
	case 'c':
		c = (char)va_arg(args->list, int);
		put_text(out, spec, &c, 1);
		return true;
	case '%':
		put_char(out, '%');
		return true;
	default:
		return false;
	}
}

int format(void (*put)(char c, void *ctx), void *ctx, const char *fmt, va_list args)
{
	struct sink out = { .put = put, .ctx = ctx };
	struct arguments arguments;

	va_copy(arguments.list, args);
	while (*fmt) {
		if (*fmt != '%') {
			put_char(&out, *fmt++);
			continue;
		}
		struct spec spec;
		const char *start = fmt;

		fmt = parse_spec(fmt + 1, &arguments, &spec);
		/* What is not understood is shown, so that the mistake is seen. */
		if (!convert(&out, &spec, &arguments))
			put_bytes(&out, start, (int)(fmt - start));
	}
	va_end(arguments.list);
	return out.count;
}

struct buffer {
	char *at, *last;		/* last: kept for the terminator */
};

static void put_in_buffer(char c, void *ctx)
{
	struct buffer *b = ctx;

	if (b->at < b->last)
		*b->at++ = c;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct buffer b = { buf, size ? buf + size - 1 : buf };
	int n = format(put_in_buffer, &b, fmt, args);

	if (size)
		*b.at = '\0';
	return n;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(buf, size, fmt, args);
	va_end(args);
	return n;
}
