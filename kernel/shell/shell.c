/* The prompt: reads lines and runs commands. */
#include "shell/shell.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "shell/edit.h"
#include "x86/bootinfo.h"
#include "x86/console.h"
#include "x86/machine.h"
#include "x86/panic.h"

#define MAX_WORDS 32
#define MAX_LINE  1024
#define CTRL_C    0x03

/* -- input ------------------------------------------------------------------------ */

static struct wait_queue input = WAIT_QUEUE(input, "key");
static struct task *prompt_task;	/* fixed */

/* While a command runs, what is typed is taken as it comes, so that Ctrl-C reaches
 * a command that sleeps. The lock makes it one reader of the console's input. */
static struct spinlock ahead_lock = SPINLOCK_IRQ("type-ahead", RANK_WAIT);
/* Under ahead_lock. */
static u8 ahead[256];
static u32 nr_ahead;
static bool command_runs, interrupted;

/* Ctrl-C makes the command's waits return, once: it still has to clean up. What
 * was typed before is forgotten. Caller holds ahead_lock. */
static void interrupt_command(void)
{
	nr_ahead = 0;
	if (interrupted)
		return;
	WRITE_ONCE(interrupted, true);
	task_kill(prompt_task);
}

/* Beyond the room for it, what is typed is lost. Caller holds ahead_lock. */
static void take_ahead(void)
{
	int c;

	while ((c = console_getc_nonblock()) >= 0) {
		if (c == CTRL_C)
			interrupt_command();
		else if (nr_ahead < sizeof(ahead))
			ahead[nr_ahead++] = (u8)c;
	}
}

static void input_arrived(void)
{
	u32 flags = spin_lock_irqsave(&ahead_lock);

	if (command_runs)
		take_ahead();
	spin_unlock_irqrestore(&ahead_lock, flags);
	wake_all(&input);
}

static void set_command_runs(bool runs)
{
	u32 flags = spin_lock_irqsave(&ahead_lock);

	command_runs = runs;
	interrupted = false;
	WRITE_ONCE(current->killed, false);
	if (runs)
		take_ahead();
	spin_unlock_irqrestore(&ahead_lock, flags);
}

static int next_char(void)
{
	u32 flags = spin_lock_irqsave(&ahead_lock);
	int c = nr_ahead ? ahead[0] : console_getc_nonblock();

	if (nr_ahead)
		memmove(ahead, ahead + 1, --nr_ahead);
	spin_unlock_irqrestore(&ahead_lock, flags);
	return c;
}

u8 shell_getc(void)
{
	int c = next_char();

	while (c < 0)
		(void)wait_event_core(&input, (c = next_char()) >= 0, WAIT_FOREVER);
	return (u8)c;
}

/* From here on the prompt's own task can wait again, to clean up. */
bool shell_interrupted(void)
{
	if (!shell_is_prompt())
		return task_killed();
	if (task_killed()) {
		WRITE_ONCE(interrupted, true);
		WRITE_ONCE(current->killed, false);
	}
	return READ_ONCE(interrupted);
}

u64 boot_tsc_start, boot_tsc_prompt;

/* -- running ----------------------------------------------------------------------- */

bool shell_is_prompt(void)
{
	return current == prompt_task;
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

/* One command, without ';'. `text` is taken apart in place. */
static int run_command(char *text)
{
	char *argv[MAX_WORDS + 1];
	int argc = split_words(text, argv, MAX_WORDS);

	if (argc == -E2BIG)
		return shell_error(argc, "a command has at most %d words", MAX_WORDS);
	if (argc < 0)
		return shell_error(argc, "a \" is not closed");
	if (argc == 0)
		return 0;
	argv[argc] = NULL;
	const struct command *c = command_find(argv[0]);
	if (!c)
		return shell_error(-ENOENT, "%s: no such command; `help` lists them", argv[0]);
	return c->run(argc, argv);
}

/* Cuts the first command off *rest, at a ';' outside quotes. */
static char *next_command(char **rest)
{
	char *start = *rest, *p = start;
	bool quoted = false;

	for (; *p && (quoted || *p != ';'); p++) {
		if (*p == '"')
			quoted = !quoted;
	}
	*rest = *p ? p + 1 : p;
	if (*p)
		*p = '\0';
	return start;
}

int shell_run_line(const char *line)
{
	int first_err = 0;
	u32 len = strlen(line);

	if (len >= MAX_LINE)
		return shell_error(-E2BIG, "the line has %u characters, %u is the most", len, MAX_LINE - 1);
	char *copy = kmalloc(len + 1), *rest = copy;
	if (!copy)
		return shell_error(-ENOMEM, "no memory for the line");
	memcpy(copy, line, len + 1);
	while (*rest && !shell_interrupted()) {
		int err = run_command(next_command(&rest));
		if (err && !first_err)
			first_err = err;
	}
	kfree(copy);
	return first_err;
}

/* Commands that came with the kernel: each is shown as if typed. */
static int run_boot_commands(char *rest)
{
	int first_err = 0;

	while (*rest) {
		char *one = next_command(&rest);
		while (*one == ' ')
			one++;
		printk("quiesce> %s\n", one);
		int err = shell_run_line(one);
		if (err && !first_err)
			first_err = err;
	}
	return first_err;
}

/* An exit status, as shells know it, from an error. */
static u32 status_of(int err)
{
	return err < 0 ? MIN((u32)-err, 123u) : 0;
}

void shell_main(const char *run)
{
	static char commands_copy[sizeof(boot_info.cmdline)];
	char value[4], line[EDIT_MAX];

	boot_tsc_prompt = rdtsc();
	prompt_task = current;
	console_input_hook = input_arrived;
	if (*run) {
		strlcpy(commands_copy, run, sizeof(commands_copy));
		set_command_runs(true);
		u32 status = status_of(run_boot_commands(commands_copy));
		if (cmdline_get(boot_info.cmdline, "stay", value, sizeof(value)) < 0)
			machine_poweroff(status);
		set_command_runs(false);
		printk("quiesce: exit status %u\n", status);
	} else {
		printk("Type `help` for the commands, `tour` for a guided run.\n");
	}
	for (;;) {
		if (edit_line("quiesce> ", line))
			continue;
		set_command_runs(true);
		int err = shell_run_line(line);
		set_command_runs(false);
		if (err)
			printk("(%s: %s)\n", errno_name(err), errno_text(err));
	}
}
