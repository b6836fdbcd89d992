#include "lib/parse.h"
#include "lib/errno.h"
#include "lib/math64.h"
#include "lib/string.h"

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* Reads digits of `base` from *s, at least one, and moves *s behind them. */
static int parse_digits(const char **s, u32 base, u64 *out)
{
	u64 n = 0, limit = div_u64(~0ull, base);
	const char *start = *s;

	for (u32 d; (d = (u32)digit_value(**s)) < base; (*s)++) {
		if (n > limit || n * base > ~0ull - d)
			return -ERANGE;
		n = n * base + d;
	}
	*out = n;
	return *s == start ? -EINVAL : 0;
}

/* All of `s`, decimal or 0x hex. */
static int parse_whole(const char *s, u64 *out)
{
	u32 base = 10;
	int err;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	err = parse_digits(&s, base, out);
	if (err)
		return err;
	return *s ? -EINVAL : 0;
}

int parse_u32(const char *s, u32 *out)
{
	u64 n;
	int err = parse_whole(s, &n);

	if (err)
		return err;
	if (n > UINT32_MAX)
		return -ERANGE;
	*out = (u32)n;
	return 0;
}

int parse_s32(const char *s, s32 *out)
{
	bool negative = *s == '-';
	u64 n;
	int err = parse_whole(s + negative, &n);

	if (err)
		return err;
	if (n > (u64)INT32_MAX + negative)
		return -ERANGE;
	*out = (s32)(negative ? 0 - (u32)n : (u32)n);
	return 0;
}

int parse_duration(const char *s, u64 *ns)
{
	static const struct { const char *name; u32 ns; } unit[] = {
		{ "", 1000000000 }, { "s", 1000000000 }, { "ms", 1000000 },
		{ "us", 1000 }, { "ns", 1 },
	};
	u64 n;
	int err = parse_digits(&s, 10, &n);

	if (err)
		return err;
	for (u32 i = 0; i < ARRAY_SIZE(unit); i++) {
		if (!streq(s, unit[i].name))
			continue;
		if (n > div_u64(~0ull, unit[i].ns))
			return -ERANGE;
		*ns = n * unit[i].ns;
		return 0;
	}
	return -EINVAL;
}

int parse_bool(const char *s, bool *out)
{
	static const char *const yes[] = { "y", "1", "on", "true" };
	static const char *const no[] = { "n", "0", "off", "false" };

	for (u32 i = 0; i < ARRAY_SIZE(yes); i++) {
		if (streq(s, yes[i]) || streq(s, no[i])) {
			*out = streq(s, yes[i]);
			return 0;
		}
	}
	return -EINVAL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Where in a word a reader stands. */
struct word {
	const char *at;
	bool quoted;
};

/* The next character of the word with quotes and escapes taken off; 0 at its end:
 * a blank outside quotes, or the end of the text. */
static char word_next(struct word *w)
{
	while (*w->at == '"') {
		w->quoted = !w->quoted;
		w->at++;
	}
	if (!*w->at || (is_blank(*w->at) && !w->quoted))
		return '\0';
	if (w->at[0] == '\\' && (w->at[1] == '"' || w->at[1] == '\'' || w->at[1] == '\\'))
		w->at++;
	return *w->at++;
}

static const char *skip_blanks(const char *s)
{
	while (is_blank(*s))
		s++;
	return s;
}

int split_words(char *line, char *words[], int max)
{
	struct word w = { .at = skip_blanks(line) };
	char *to = line;		/* never ahead of w.at: words only get shorter */
	int n = 0;

	while (*w.at) {
		if (n == max)
			return -E2BIG;
		words[n++] = to;
		for (char c; (c = word_next(&w)) != '\0'; )
			*to++ = c;
		if (w.quoted)
			return -EINVAL;
		/* Before the terminator, which may land on the blank. */
		w.at = skip_blanks(w.at);
		*to++ = '\0';
	}
	return n;
}

/* Is the word at *w "name" or "name=..."? Leaves *w at the value. */
static bool word_has_name(struct word *w, const char *name)
{
	char c;

	while ((c = word_next(w)) != '\0' && c == *name)
		name++;
	return !*name && (c == '=' || c == '\0');
}

static int copy_word(struct word w, char *out, size_t size)
{
	size_t n = 0;

	for (char c; (c = word_next(&w)) != '\0'; n++) {
		if (n + 1 >= size)
			return -ENAMETOOLONG;
		out[n] = c;
	}
	if (!size)
		return -ENAMETOOLONG;
	out[n] = '\0';
	return (int)n;
}

int cmdline_word(const char **cmdline, char *out, size_t size)
{
	struct word w = { .at = skip_blanks(*cmdline) };
	size_t n = 0;

	if (!*w.at)
		return -ENOENT;
	for (char c; (c = word_next(&w)) != '\0'; n++) {
		if (n + 1 < size)
			out[n] = c;
	}
	out[MIN(n, size - 1)] = '\0';
	*cmdline = w.at;
	return (int)n;
}

int cmdline_get(const char *cmdline, const char *name, char *out, size_t size)
{
	struct word w = { .at = skip_blanks(cmdline) };
	int result = -ENOENT;

	while (*w.at) {
		if (word_has_name(&w, name))
			result = copy_word(w, out, size);
		while (word_next(&w) != '\0')
			;
		w = (struct word){ .at = skip_blanks(w.at) };
	}
	return result;
}
