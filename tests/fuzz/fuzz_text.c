// sources: lib/parse.c lib/format.c lib/string.c
// cflags: -include tests/unit/rename.h -Wno-format -Wno-format-security
/* What people type: numbers, lines, command lines, and formats without arguments. */
#include <stdlib.h>
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* A copy of exactly its size, so that a step over its end is seen. */
static char *copy_of(const u8 *data, size_t size)
{
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

static void try_numbers(const char *text)
{
	char again[16];
	u32 n, m;
	s32 s;
	u64 ns;
	bool b;

	if (!parse_u32(text, &n)) {
		snprintf(again, sizeof(again), "%u", n);
		check(!parse_u32(again, &m) && m == n);
	}
	check(parse_s32(text, &s) <= 0 && parse_duration(text, &ns) <= 0 && parse_bool(text, &b) <= 0);
}

static void try_words(char *text, size_t size)
{
	char *words[8];
	int n = split_words(text, words, 8);

	check(n <= 8);
	for (int i = 0; i < n; i++)
		check(words[i] >= text && words[i] + strlen(words[i]) <= text + size);
}

static void try_options(const char *text)
{
	char value[12];
	int n = cmdline_get(text, "run", value, sizeof(value));

	check(n == -ENOENT || n == -ENAMETOOLONG || n == (int)strlen(value));
}

/* Only what takes no argument: the rest would read arguments that are not there. */
static void try_format(const char *text)
{
	char out[32];

	if (strchr(text, '*'))
		return;
	for (const char *s = text; (s = strchr(s, '%')) != NULL; s++)
		if (s[1] != '%' && s[1] != 'q' && s[1] != '\0')
			return;
		else if (s[1])
			s++;
	check(snprintf(out, sizeof(out), text) >= (int)strlen(out));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *text = copy_of(data, size);

	try_numbers(text);
	try_options(text);
	try_format(text);
	try_words(text, size);
	free(text);
	return 0;
}
