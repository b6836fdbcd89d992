#include "lib/options.h"
#include "lib/string.h"

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

const char *left_option(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-' && argv[i][1])
			return argv[i];
	}
	return NULL;
}
