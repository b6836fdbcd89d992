#include "shell/commands.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "x86/console.h"

const struct command *const commands[] = {
	&bench_command, &cat_command, &cpus_command, &dev_command, &dmesg_command,
	&echo_command, &graveyard_command, &hammer_command, &hazard_command, &help_command, &insmod_command,
	&irqs_command, &kill_command, &lsmod_command, &mem_command, &modinfo_command,
	&modprobe_command, &panic_command, &poweroff_command, &ps_command, &reboot_command,
	&rmmod_command, &run_command_, &sleep_command, &strategy_command, &sync_command,
	&test_command, &top_command, &torture_command, &tour_command,
};
const u32 nr_commands = ARRAY_SIZE(commands);

/* -- help ----------------------------------------------------------------------------- */

static int help_all(void)
{
	for (u32 i = 0; i < nr_commands; i++)
		printk("  %-10s %s\n", commands[i]->name, commands[i]->gist);
	printk("`help COMMAND` shows its usage. Tab completes, the arrows walk the history,\n"
	       "Ctrl-C ends a command. -j makes a command answer in JSON lines.\n");
	return 0;
}

static int help_run(int argc, char **argv)
{
	if (argc == 1)
		return help_all();
	const struct command *c = command_find(argv[1]);
	if (!c)
		return shell_error(-ENOENT, "help: %s: no such command; `help` lists them", argv[1]);
	printk("usage: %s\n%s\n", c->usage, c->gist);
	return 0;
}

static bool complete_any_command(u32 i, char *out, u32 size)
{
	if (i >= nr_commands)
		return false;
	strlcpy(out, commands[i]->name, size);
	return true;
}

const struct command help_command = {
	"help", "help [COMMAND]", "list the commands, or explain one", help_run, complete_any_command,
};

static int echo_run(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printk("%s%s", i > 1 ? " " : "", argv[i]);
	printk("\n");
	return 0;
}

const struct command echo_command = {
	"echo", "echo WORD...", "print the words", echo_run, NULL,
};

/* -- run: in a task of its own ---------------------------------------------------------- */

struct job {
	char line[256];
};

static void job_task(void *arg)
{
	struct job *job = arg;
	char line[256];

	strlcpy(line, job->line, sizeof(line));
	kfree(job);
	int err = shell_run_line(line);
	if (err)
		printk("[task %u] %s: %s\n", current->id, line, errno_name(err));
}

static int run_run(int argc, char **argv)
{
	if (argc < 2)
		return usage_error("run");
	struct job *job = kzalloc(sizeof(*job));
	if (!job)
		return shell_error(-ENOMEM, "run: no memory for another task");
	for (int i = 1, len = 0; i < argc && len < (int)sizeof(job->line); i++)
		len += snprintf(job->line + len, sizeof(job->line) - (u32)len, "%s\"%s\"", i > 1 ? " " : "", argv[i]);
	struct task *t = task_create(argv[1], PRIO_NORMAL, job_task, job);
	if (IS_ERR(t)) {
		kfree(job);
		return shell_error(PTR_ERR(t), "run: no memory for another task");
	}
	printk("[task %u] %s\n", t->id, argv[1]);
	task_put(t);
	return 0;
}

const struct command run_command_ = {
	"run", "run COMMAND [WORD...]", "run a command in a task of its own; `kill` ends it",
	run_run, complete_any_command,
};
