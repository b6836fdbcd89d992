#include "lib/load_error.h"
#include "lib/format.h"

/* Names come from the file, and an escape sequence in one must not drive the
 * reader's terminal. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

int load_fail(struct load_error *err, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	make_printable(err->text);
	return code;
}

void load_error_prefix(struct load_error *err, const char *prefix)
{
	struct load_error line = *err;

	load_fail(err, 0, "%.40s: %s", prefix, line.text);
}
