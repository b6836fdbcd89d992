/* Options and JSON: what every command needs. */
#include "shell/shell.h"
#include "x86/console.h"

int reject_options(int argc, char **argv)
{
	const char *option = left_option(argc, argv);

	return !option ? 0 : shell_error(-EINVAL, "%s: unknown option %s; `help %s` shows the usage",
	                                 argv[0], option, argv[0]);
}

int usage_error(const char *name)
{
	return shell_error(-EINVAL, "usage: %s", command_find(name)->usage);
}

void json_end(struct json *j)
{
	json_close(j);
	console_write(j->text, j->len);
}
