#include "user/lib/stdio.h"
#include "user/lib/syscall.h"

void console_write(const char *text, u32 len)
{
	(void)syscall(SYS_CONSOLE_WRITE, HANDLE_KERNEL, address(text), len, 0);
}

/* What was formatted and not yet written. */
struct line { u32 len; char text[256]; };

static void put(char c, void *ctx)
{
	struct line *line = ctx;

	line->text[line->len++] = c;
	if (line->len == sizeof(line->text)) {
		console_write(line->text, line->len);
		line->len = 0;
	}
}

int vprintf(const char *fmt, va_list args)
{
	uninitialized struct line line;

	line.len = 0;
	int n = format(put, &line, fmt, args);
	console_write(line.text, line.len);
	return n;
}

int printf(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vprintf(fmt, args);
	va_end(args);
	return n;
}
