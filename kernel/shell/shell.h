/* Commands of the laboratory. */
#pragma once
#include "lib/types.h"
#include "lib/errno.h"
#include "lib/json.h"
#include "lib/options.h"

/* A command: declared next to its code, listed in commands.c. */
struct command {
	const char *name;
	const char *usage;		/* "rmmod [-w] [-t TIME] [-r] [-f] MODULE..." */
	const char *gist;		/* one line for help */
	/* Returns 0 or a negative error; has printed its own one-line error as
	 * "name: what, where, remedy" through shell_error(). */
	int (*run)(int argc, char **argv);
	/* The i-th completion of the word being typed; NULL: no completion. */
	bool (*complete)(u32 i, char *out, u32 size);
};

extern const struct command *const commands[];
extern const u32 nr_commands;

/* Starts the first program, which holds all authority, and waits for its end, which is
 * the end of everything. */
void start_init(const char *program) noreturn;
/* Runs one command, whose words are taken apart in place. 0 or its error. */
int  shell_run_line(char *line);
/* Prints an error line on the console; returns `err` for `return shell_error(...)`. */
int  shell_error(int err, const char *fmt, ...) printf_like(2, 3);
/* TSC at the loader's hand-over (kmain sets it) and when the shell asks for keys. */
extern u64 boot_tsc_start, boot_tsc_prompt;

const struct command *command_find(const char *name);	/* NULL: none */
/* syscalls.c: adds those of this floor to the table. Once. */
void shell_init_syscalls(void);
/* sys_console.c: a part of it. */
void console_init_syscalls(void);
/* monitor.c: decides whether a panic ends in the monitor. Kernel command line: run, monitor. */
void monitor_init(void);
/* Ctrl-C since the command began? Long-running commands ask now and then. */
bool shell_interrupted(void);

/* -- options, JSON ------------------------------------------------------- */
/* Complains about the first argument that still starts with '-'. 0, -EINVAL. */
int  reject_options(int argc, char **argv);
/* Prints the command's usage; returns -EINVAL. */
int  usage_error(const char *name);
/* Writes the object, in one piece. */
void json_end(struct json *j);
