/* Options and JSON: what every command needs. */
#include "lib/string.h"
#include "lib/format.h"
#include "shell/shell.h"
#include "x86/console.h"

static void drop(int *argc, char **argv, int at, int n)
{
	for (int i = at; i + n <= *argc; i++)
		argv[i] = argv[i + n];
	*argc -= n;
}

bool take_flag(int *argc, char **argv, const char *opt)
{
	for (int i = 1; i < *argc; i++) {
		if (streq(argv[i], opt)) {
			drop(argc, argv, i, 1);
			return true;
		}
	}
	return false;
}

const char *take_option(int *argc, char **argv, const char *opt, bool *missing)
{
	*missing = false;
	for (int i = 1; i < *argc; i++) {
		if (!streq(argv[i], opt))
			continue;
		if (i + 1 == *argc) {
			*missing = true;
			return NULL;
		}
		const char *value = argv[i + 1];
		drop(argc, argv, i, 2);
		return value;
	}
	return NULL;
}

int reject_options(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-' && argv[i][1])
			return shell_error(-EINVAL, "%s: unknown option %s; `help %s` shows the usage",
			                   argv[0], argv[i], argv[0]);
	}
	return 0;
}

int usage_error(const char *name)
{
	return shell_error(-EINVAL, "usage: %s", command_find(name)->usage);
}

/* -- JSON lines ---------------------------------------------------------------------- */

void json_begin(struct json *j)
{
	j->len = 0;
	json_put(j, "{");
}

void json_put(struct json *j, const char *text)
{
	j->len += strlcpy(j->text + MIN(j->len, (u32)sizeof(j->text) - 1), text,
	                  sizeof(j->text) - MIN(j->len, (u32)sizeof(j->text) - 1));
	j->len = MIN(j->len, (u32)sizeof(j->text) - 1);
}

static void put_quoted(struct json *j, const char *s)
{
	char piece[8];

	json_put(j, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			snprintf(piece, sizeof(piece), "\\%c", *s);
		else if ((u8)*s < ' ')
			snprintf(piece, sizeof(piece), "\\u%04x", (u8)*s);
		else
			snprintf(piece, sizeof(piece), "%c", *s);
		json_put(j, piece);
	}
	json_put(j, "\"");
}

static void put_key(struct json *j, const char *key)
{
	if (j->len > 1)
		json_put(j, ",");
	put_quoted(j, key);
	json_put(j, ":");
}

void json_str(struct json *j, const char *key, const char *value)
{
	put_key(j, key);
	put_quoted(j, value);
}

void json_u64(struct json *j, const char *key, u64 value)
{
	char number[24];

	put_key(j, key);
	snprintf(number, sizeof(number), "%llu", value);
	json_put(j, number);
}

void json_bool(struct json *j, const char *key, bool value)
{
	put_key(j, key);
	json_put(j, value ? "true" : "false");
}

void json_end(struct json *j)
{
	json_put(j, "}\n");
	console_write(j->text, j->len);
}
