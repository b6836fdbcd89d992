/* The prompt. */
#pragma once
#include "lib/types.h"
#include "lib/errno.h"

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

/* Runs the tasks of the prompt; never returns. `run`: commands to execute first
 * ("cmd; cmd"), then power off with the status of the first that failed; "" for
 * none. */
void shell_main(const char *run);
/* Runs one line ("a; b"). 0 or the first error. */
int  shell_run_line(const char *line);
/* Prints an error line on the console; returns `err` for `return shell_error(...)`. */
int  shell_error(int err, const char *fmt, ...) printf_like(2, 3);
/* TSC at the loader's hand-over (kmain sets it) and at the first prompt. */
extern u64 boot_tsc_start, boot_tsc_prompt;

const struct command *command_find(const char *name);	/* NULL: none */
/* Is the calling task the prompt's own? */
bool shell_is_prompt(void);
/* Reads a key; waits. -EINTR never. */
u8   shell_getc(void);
/* Ctrl-C since the command began? Long-running commands ask now and then. */
bool shell_interrupted(void);

/* -- options, JSON ------------------------------------------------------- */
/* Finds and removes flag `opt` ("-j") from argv; true when it was there. */
bool take_flag(int *argc, char **argv, const char *opt);
/* Finds and removes "-t VALUE": the value or NULL; *missing when it has none. */
const char *take_option(int *argc, char **argv, const char *opt, bool *missing);
/* Complains about the first argument that still starts with '-'. 0, -EINVAL. */
int  reject_options(int argc, char **argv);

/* Prints the command's usage; returns -EINVAL. */
int  usage_error(const char *name);

/* One JSON object on one line, written in one piece: begin, fields, end. */
struct json { u32 len; char text[1000]; };
void json_begin(struct json *j);
void json_put(struct json *j, const char *text);	/* raw */
void json_str(struct json *j, const char *key, const char *value);
void json_u64(struct json *j, const char *key, u64 value);
void json_bool(struct json *j, const char *key, bool value);
void json_end(struct json *j);
