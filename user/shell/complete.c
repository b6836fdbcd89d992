/* What may stand where: for the Tab key. */
#include "lib/string.h"
#include "user/lib/info.h"
#include "user/shell/sent.h"
#include "user/shell/shell.h"

/* Entry number *i among those files of the archive that are modules, or that are not. If there are not so
 * many, *i is how many more. */
static bool nth_of_archive(u32 *i, bool modules, char *out, u32 size)
{
	for (u32 at = 0; !info(INFO_ARCHIVE, at, out, size); at++) {
		char *dot = strrchr(out, '.');
		if ((dot && streq(dot, ".ko")) != modules || (*i)--)
			continue;
		if (modules)
			*dot = '\0';
		return true;
	}
	return false;
}

bool in_archive(const char *name, bool program)
{
	char file[64];

	for (u32 n = 0, i = 0; nth_of_archive(&i, !program, file, sizeof(file)); i = ++n) {
		if (streq(file, name))
			return true;
	}
	return false;
}

/* Those that were sent come behind the archive's, unless they are there already. */
static bool nth_file(u32 i, bool modules, char *out, u32 size)
{
	const struct sent *s;

	if (nth_of_archive(&i, modules, out, size))
		return true;
	for (u32 n = 0; (s = sent_nth(n)) != NULL; n++) {
		if (s->program == modules || in_archive(s->name, s->program) || i--)
			continue;
		strlcpy(out, s->name, size);
		return true;
	}
	return false;
}

bool complete_module_file(u32 i, char *out, u32 size) { return nth_file(i, true, out, size); }
bool complete_program(u32 i, char *out, u32 size)     { return nth_file(i, false, out, size); }

bool complete_loaded(u32 i, char *out, u32 size)
{
	return !info(INFO_MODULE, i, out, size);
}

static bool complete_of_kernel(const char *command, u32 i, char *out, u32 size)
{
	strlcpy(out, command, size);
	return !info(INFO_COMPLETION, i, out, size);
}

bool candidate(const char *line, u32 word, u32 i, char *out, u32 size)
{
	char name[32];
	u32 start = 0, len = 0;

	for (u32 at = 0; at < word; at++) {
		if (line[at] == ';' || line[at] == '&')
			start = at + 1;
	}
	while (line[start] == ' ')
		start++;
	if (start >= word)
		return complete_command(i, out, size);
	while (line[start + len] && line[start + len] != ' ')
		len++;
	strlcpy(name, line + start, MIN(len + 1, (u32)sizeof(name)));
	const struct builtin *b = builtin_find(name);
	if (b)
		return b->complete && b->complete(i, out, size);
	return complete_of_kernel(name, i, out, size);
}
