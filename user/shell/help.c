/* help: commands of the shell and of the kernel, and programs. */
#include "lib/format.h"
#include "lib/string.h"
#include "user/lib/info.h"
#include "user/lib/stdio.h"
#include "user/shell/shell.h"

/* Command number `i`: first ours, then those of the kernel that ours do not hide. */
static bool nth_command(u32 i, struct info_command *out)
{
	u32 own = 0;

	for (; builtins[own]; own++) {
		if (own != i)
			continue;
		strlcpy(out->name, builtins[i]->name, sizeof(out->name));
		strlcpy(out->usage, builtins[i]->usage, sizeof(out->usage));
		strlcpy(out->gist, builtins[i]->gist, sizeof(out->gist));
		return true;
	}
	i -= own;
	for (u32 at = 0; !info(INFO_COMMAND, at, out, sizeof(*out)); at++) {
		if (!builtin_find(out->name) && i-- == 0)
			return true;
	}
	return false;
}

bool complete_command(u32 i, char *out, u32 size)
{
	struct info_command c;
	u32 n = 0;

	while (nth_command(n, &c)) {
		if (n++ != i)
			continue;
		strlcpy(out, c.name, size);
		return true;
	}
	return complete_program(i - n, out, size);
}

/* The command whose name comes next in the alphabet. */
static bool next_in_order(const char *after, struct info_command *best)
{
	struct info_command c;
	bool found = false;

	for (u32 i = 0; nth_command(i, &c); i++) {
		if (strcmp(c.name, after) <= 0 || (found && strcmp(c.name, best->name) >= 0))
			continue;
		*best = c;
		found = true;
	}
	return found;
}

#define COLUMNS 79		/* of a text screen, whose last one wraps */
#define INDENT  13

/* Words behind a head that ends in column `indent`. */
static void print_words(const char *head, u32 indent, const char *text)
{
	do {
		size_t n = line_length(text, COLUMNS - indent);

		printf("%-*s%.*s\n", (int)indent, head, (int)n, text);
		head = "";
		text += n + (text[n] == ' ');
	} while (*text);
}

static void list_programs(void)
{
	char program[64];
	u32 column = (u32)printf("Programs:");

	for (u32 i = 0; complete_program(i, program, sizeof(program)); i++) {
		if (column + 1 + strlen(program) > COLUMNS)
			column = (u32)printf("\n         ") - 1;
		column += (u32)printf(" %s", program);
	}
	printf("\n");
}

static int help_all(void)
{
	struct info_command c;
	char after[sizeof(c.name)] = "", head[INDENT + 1];

	while (next_in_order(after, &c)) {
		snprintf(head, sizeof(head), "  %-10s ", c.name);
		print_words(head, INDENT, c.gist);
		strlcpy(after, c.name, sizeof(after));
	}
	list_programs();
	printf("`help NAME` shows the usage of a command or program. Tab completes, the arrows\n"
	       "walk the history, Ctrl-C ends a command, & behind it leaves it running.\n"
	       "-j: in JSON lines.\n");
	return 0;
}

/* -- one of them ---------------------------------------------------------------------- */

/* Words of a usage that say neither by themselves nor in the gist what may stand there. */
static const struct { const char *word, *meaning; } words[] = {
	{ "TIME", "such as 10s, 250ms or 5us; a bare number is in seconds" },
	{ "POINT", "a place in the source, such as rmmod:counted in sync_point(\"rmmod:counted\"); "
	           "`sync` lists those that were named, HITS: how many tasks are held there" },
	{ "PART", "idle, hammer, entry, tasks or modules; all of them unless named" },
	{ "AUTHORITY", AUTHORITY_NAMES },
	{ "PARAM", "`modinfo MODULE` lists a module's parameters" },
	{ "STRATEGY", "`strategy` lists them" },
	{ "TASK", "its number in `ps`" },
	{ "JOB", "its number in `jobs`" },
	{ "DEVICE", "`dev` lists them" },
	{ "SERVER", "a program that serves: `servers` lists those that run" },
	{ "FACTOR", "a whole number: all deadlines are so many times as long" },
	{ "SEED", "a number: the same one makes the same choices" },
};

static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

/* Does `usage` hold the word, whole? */
static bool has_word(const char *usage, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = usage; (at = strstr(at, word)) != NULL; at += len) {
		if ((at == usage || !is_upper(at[-1])) && !is_upper(at[len]))
			return true;
	}
	return false;
}

static int explain(const struct info_command *c)
{
	char head[INDENT + 1];

	printf("usage: %s\n", c->usage);
	print_words("", 0, c->gist);
	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		if (!has_word(c->usage, words[i].word))
			continue;
		snprintf(head, sizeof(head), "  %-10s ", words[i].word);
		print_words(head, INDENT, words[i].meaning);
	}
	return 0;
}

/* What a program says of itself (user/lib/program_help.h). */
static int explain_program(const char *name)
{
	struct info_command c;

	strlcpy(c.name, name, sizeof(c.name));
	int err = info(INFO_PROGRAM, 0, &c, sizeof(c));
	if (err == -ENOENT)
		return complain(err, "help: %s: no such command or program; `help` lists them", name);
	if (err)
		return complain(err, "help: %s: %s", name, errno_text(err));
	if (!c.gist[0])
		strlcpy(c.gist, "a program that does not say what it does: it has no PROGRAM_HELP()", sizeof(c.gist));
	if (!c.usage[0])
		snprintf(c.usage, sizeof(c.usage), "start %s", name);
	return explain(&c);
}

static int help_run(int argc, char **argv)
{
	struct info_command c;

	if (argc == 1)
		return help_all();
	for (u32 i = 0; nth_command(i, &c); i++) {
		if (streq(c.name, argv[1]))
			return explain(&c);
	}
	return explain_program(argv[1]);
}

const struct builtin help_builtin = {
	"help", "help [COMMAND | PROGRAM]", "list the commands, or explain one", help_run, false, complete_command,
};
