#include "lib/json.h"
#include "lib/format.h"
#include "lib/string.h"

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

void json_close(struct json *j)
{
	json_put(j, "}\n");
}
