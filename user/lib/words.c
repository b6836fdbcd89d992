#include "user/lib/words.h"
#include "lib/errno.h"
#include "lib/string.h"

struct line { char *text; u32 len, size; };

static void put(struct line *l, char c)
{
	if (l->len < l->size)
		l->text[l->len] = c;
	l->len++;
}

static bool is_plain(const char *word)
{
	const char *p = word;

	while (*p > ' ' && *p != '"' && *p != '\'' && *p != '\\')
		p++;
	return p != word && !*p;
}

static void put_word(struct line *l, const char *word)
{
	bool plain = is_plain(word);

	if (!plain)
		put(l, '"');
	for (; *word; word++) {
		if (*word == '"' || *word == '\'' || *word == '\\')
			put(l, '\\');
		put(l, *word);
	}
	if (!plain)
		put(l, '"');
}

int join_words(int argc, char **argv, char *out, u32 size)
{
	struct line line = { .text = out, .size = size };

	for (int i = 0; i < argc; i++) {
		if (i)
			put(&line, ' ');
		put_word(&line, argv[i]);
	}
	put(&line, '\0');
	return line.len > size ? -E2BIG : 0;
}
