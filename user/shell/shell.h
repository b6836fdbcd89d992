/* The shell: a process that reads lines and runs commands.
 *
 * A command is one of three: the shell's own (builtin.c, modules.c), one of the kernel's
 * laboratory (SYS_COMMAND), or a program of the boot archive. All but a few of the shell's
 * own run in a process of their own, so that Ctrl-C can end each of them, and so that each
 * can run in the background. That process is a shell again, which is told by its name that
 * it is to be a command. */
#pragma once
#include "lib/errno.h"
#include "lib/json.h"
#include "lib/options.h"
#include "lib/types.h"

#define MAX_WORDS 32
#define MAX_LINE  1024

/* -- commands (builtin.c, modules.c, devices.c, help.c) ---------------------------------------- */

struct builtin {
	const char *name, *usage, *gist;
	/* 0 or a negative error, which it has told in one line. */
	int (*run)(int argc, char **argv);
	bool apart;			/* in a process of its own */
	/* The i-th thing that may follow it; NULL: nothing. */
	bool (*complete)(u32 i, char *out, u32 size);
};

extern const struct builtin *const builtins[];			/* up to NULL */
const struct builtin *builtin_find(const char *name);		/* NULL: none */
extern const struct builtin insmod_builtin, modprobe_builtin, rmmod_builtin;
extern const struct builtin cat_builtin, dev_builtin, help_builtin, modinfo_builtin, receive_builtin;

/* Prints an error line; returns `err`, for `return complain(...)`. */
int  complain(int err, const char *fmt, ...) printf_like(2, 3);
int  reject_options(int argc, char **argv);
int  usage_error(const char *name);

/* -- running (shell.c) -------------------------------------------------------------- */

/* Runs a line ("a; b &"). 0 or the first error; above 0: a program's exit status. */
int  run_line(const char *line);
/* Starts the words as a job. */
int  run_in_background(int argc, char **argv);

/* -- jobs (jobs.c) ------------------------------------------------------------------ */

/* The endpoint at which the shell hears of keys and jobs. Called once. */
int  jobs_init(void) must_use;
struct sent;
/* Starts a program: the number of its job, or a negative error, with which nothing of it
 * has run. `authority`: AUTH_* that it gets. `file`, or NULL: the program's, or for a command (program
 * "shell") the module that it is to load, in place of the archive's. */
int  job_start(const char *program, int argc, char **argv, u32 authority, bool background, const struct sent *file);
/* Ctrl-C since the line began? */
extern bool interrupted;
void begin_line(void);
void end_line(void);
/* A key; waits. Background jobs may end meanwhile, and say so. */
u8   next_key(void);
/* Waits for so many us: the key, -ETIMEDOUT, or -EINTR after a Ctrl-C, if `heed`. */
int  next_key_within(u32 us, bool heed) must_use;
/* Is one typed within so many microseconds? It stays there for next_key(). */
bool key_within(u32 us);
int  jobs_list(void);
bool job_runs(const char *name);	/* in the background */
/* Waits for job %number, which Ctrl-C ends: its exit code, or a negative error. */
int  job_foreground(u32 number);
int  job_kill(u32 number);

/* -- the line editor (edit.c) ------------------------------------------------------- */

#define EDIT_MAX     256
#define EDIT_HISTORY 32

/* Prints `prompt` and reads a line into out[EDIT_MAX]. 0; -EINTR: given up with Ctrl-C; -EIO, -E2BIG:
 * it is not what was typed, which has been said. */
int  edit_line(const char *prompt, char *out);

/* -- completion (complete.c) -------------------------------------------------------- */

/* The i-th word that may stand at line[word]. */
bool candidate(const char *line, u32 word, u32 i, char *out, u32 size);
bool complete_module_file(u32 i, char *out, u32 size);
bool complete_loaded(u32 i, char *out, u32 size);
bool complete_program(u32 i, char *out, u32 size);
bool complete_command(u32 i, char *out, u32 size);
/* Is there a file of that name in the boot archive? */
bool in_archive(const char *name, bool program);

/* -- parsing (parse.c) -------------------------------------------------------------- */

/* Cuts the first command off *rest, at a ';' or '&' outside quotes; *background: it was '&'. */
char *next_command(char **rest, bool *background);
#define AUTHORITY_NAMES "some of modules,devices,ports,irq,phys,process,power,console,keyboard,lab,info"
/* "ports,irq" into AUTH_*. 0, -EINVAL. */
int  parse_authority(const char *text, u32 *out) must_use;
/* "%3" into 3. 0, -EINVAL. */
int  parse_job(const char *text, u32 *out) must_use;
