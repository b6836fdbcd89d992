/* Commands of the laboratory: found by name and run, for a process that asks for one
 * (SYS_COMMAND). The prompt is such a process (user/shell). */
#include "shell/shell.h"
#include "ipc/endpoint.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "x86/console.h"

#define MAX_WORDS 32

u64 boot_tsc_start, boot_tsc_prompt;

/* A process whose command was interrupted has still to clean up: its kill is put off
 * until the command is over. */
bool shell_interrupted(void)
{
	struct user_thread *t = current->user;

	if (!t)
		return task_killed();
	if (task_killed()) {
		t->interrupted = true;
		WRITE_ONCE(current->killed, false);
	}
	return t->interrupted;
}

const struct command *command_find(const char *name)
{
	for (u32 i = 0; i < nr_commands; i++) {
		if (streq(commands[i]->name, name))
			return commands[i];
	}
	return NULL;
}

int shell_error(int err, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	printk("%s\n", text);
	return err;
}

int shell_run_line(char *line)
{
	char *argv[MAX_WORDS + 1];
	int argc = split_words(line, argv, MAX_WORDS);

	if (argc == -E2BIG)
		return shell_error(argc, "a command has at most %d words", MAX_WORDS);
	if (argc < 0)
		return shell_error(argc, "a \" is not closed");
	if (argc == 0)
		return 0;
	argv[argc] = NULL;
	const struct command *c = command_find(argv[0]);
	if (!c)
		return shell_error(-ENOENT, "%s: the kernel has no such command", argv[0]);
	return c->run(argc, argv);
}
