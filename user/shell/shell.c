/* Lines, and what runs them. */
#include "user/shell/shell.h"
#include "user/shell/sent.h"
#include "lib/abi.h"
#include "lib/format.h"
#include "lib/string.h"
#include "user/lib/info.h"
#include "user/lib/malloc.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"
#include "user/lib/words.h"

#define PROMPT "quiesce> "

int complain(int err, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	printf("%s\n", text);
	return err;
}

/* -- one command -------------------------------------------------------------------- */

static bool is_kernel_command(const char *name)
{
	struct info_command c;

	for (u32 i = 0; !info(INFO_COMMAND, i, &c, sizeof(c)); i++) {
		if (streq(c.name, name))
			return true;
	}
	return false;
}

static bool is_program(const char *name)
{
	char program[64];

	for (u32 i = 0; complete_program(i, program, sizeof(program)); i++) {
		if (streq(program, name))
			return true;
	}
	return false;
}

/* What runs in the process of a command, or without one when there is no memory for it. */
static int run_here(int argc, char **argv)
{
	const struct builtin *b = builtin_find(argv[0]);
	char line[MAX_LINE + 64];

	if (b)
		return b->run(argc, argv);
	if (join_words(argc, argv, line, sizeof(line)))
		return complain(-E2BIG, "%s: the line is too long", argv[0]);
	return syscall(SYS_COMMAND, HANDLE_KERNEL, address(line), strlen(line), 0);
}

/* What was sent and goes before the archive's: the program, or the module that the command would load. */
static const struct sent *sent_for(const struct builtin *b, int argc, char **argv)
{
	if (!b)
		return sent_find(argv[0], true);
	return (b == &insmod_builtin || b == &modprobe_builtin) && argc > 1 ? sent_find(argv[1], false) : NULL;
}

static int run_words(int argc, char **argv, bool background)
{
	const struct builtin *b = builtin_find(argv[0]);
	const struct sent *file = sent_for(b, argc, argv);

	if (b && !b->apart && !background)
		return b->run(argc, argv);
	bool command = b || is_kernel_command(argv[0]);
	if (!command && !is_program(argv[0]))
		return complain(-ENOENT, "%s: no such command; `help` lists them", argv[0]);
	int job = command ? job_start("shell", argc, argv, RIGHTS_ALL, background, file) :
	                    job_start(argv[0], argc, argv, AUTH_CONSOLE | AUTH_DEVICES, background, file);
	/* All that is lost is Ctrl-C. */
	if (job == -ENOMEM && command && !background)
		return run_here(argc, argv);
	if (job < 0)
		return job;
	return background ? 0 : job_foreground((u32)job);
}

int run_in_background(int argc, char **argv)
{
	return run_words(argc, argv, true);
}

/* -- lines -------------------------------------------------------------------------- */

/* `text` is taken apart in place. */
static int run_command(char *text, bool background)
{
	char *argv[MAX_WORDS + 1];
	int argc = split_words(text, argv, MAX_WORDS);

	if (argc == -E2BIG)
		return complain(argc, "a command has at most %d words", MAX_WORDS);
	if (argc < 0)
		return complain(argc, "a \" is not closed");
	if (argc == 0)
		return 0;
	argv[argc] = NULL;
	return run_words(argc, argv, background);
}

int run_line(const char *line)
{
	int first_err = 0;
	u32 len = strlen(line);
	bool background;

	if (len >= MAX_LINE)
		return complain(-E2BIG, "the line has %u characters, %u is the most", len, MAX_LINE - 1);
	char *copy = malloc(len + 1), *rest = copy;
	if (!copy)
		return complain(-ENOMEM, "no memory for the line");
	memcpy(copy, line, len + 1);
	while (*rest && !interrupted) {
		char *one = next_command(&rest, &background);
		int err = run_command(one, background);
		if (err && !first_err)
			first_err = err;
	}
	free(copy);
	return first_err;
}

static void print_status(int status)
{
	if (status < 0)
		printf("(%s: %s)\n", errno_name(status), errno_text(status));
	else if (status > 0)
		printf("(exit status %d)\n", status);
}

/* -- commands that came with the kernel ---------------------------------------------- */

/* An exit status, as shells know it, from an error. */
static u32 status_of(int err)
{
	return (u32)MIN(err < 0 ? -err : err, 123);
}

/* Each is shown as if typed. */
static int run_boot_commands(char *rest)
{
	int first_err = 0;

	while (*rest) {
		bool background;
		char *one = next_command(&rest, &background);
		while (*one == ' ')
			one++;
		if (!*one)
			continue;
		printf(PROMPT "%s%s\n", one, background ? "&" : "");
		int err = run_command(one, background);
		if (err && !first_err)
			first_err = err;
	}
	return first_err;
}

/* -- a machine that can only be watched ---------------------------------------------- */

#define UNHEARD_S 10u

/* Its keyboard may be on USB, for which there is no driver. So if no keyboard answered at boot and
 * the serial line is silent, too, the prompt shows what it is there for. */
static void show_tour_if_unheard(void)
{
	char kind[16];

	if (info(INFO_KEYBOARD, 0, kind, sizeof(kind)) != -ENOENT)
		return;
	printf(PROMPT);
	if (key_within(UNHEARD_S * 1000000)) {
		printf("\r");		/* it is written again */
		return;
	}
	printf("\nNo keyboard answered, and nothing came on the serial line for %u s: so here is the tour.\n", UNHEARD_S);
	begin_line();
	(void)run_boot_commands((char []){ "tour" });
	end_line();
}

/* The kernel's option run=; unless it also said stay, the machine goes off. */
static void run_boot_option(bool again)
{
	char run[MAX_LINE] = "run", stay[8] = "stay";

	if (info(INFO_BOOT_OPTION, 0, run, sizeof(run))) {
		if (!again) {
			printf("Type `help` for the commands, `tour` for a guided run.\n");
			show_tour_if_unheard();
		}
		return;
	}
	/* A shell before this one was to run them, and has ended. */
	begin_line();
	u32 status = again ? EPIPE : status_of(run_boot_commands(run));
	end_line();
	if (info(INFO_BOOT_OPTION, 0, stay, sizeof(stay)))
		(void)syscall(SYS_POWER, HANDLE_KERNEL, POWER_OFF, status, 0);
	if (!again)
		printf("quiesce: exit status %u\n", status);
}

/* -- two ways to be a shell ----------------------------------------------------------- */

static void prompt(void)
{
	char line[EDIT_MAX];

	for (;;) {
		if (edit_line(PROMPT, line))
			continue;
		begin_line();
		int status = run_line(line);
		end_line();
		print_status(status);
	}
}

PROGRAM_HELP("shell COMMAND", "the prompt, which init starts; `help` lists its commands");

int main(int argc, char **argv)
{
	if (!streq(argv[0], "shell")) {
		sent_inherit();
		return run_here(argc, argv);
	}
	int err = jobs_init();
	if (err < 0)
		return complain(err, "shell: no keys: %s", errno_text(err));
	run_boot_option(argc > 1);
	prompt();
	return 0;
}
