/* The shell's own commands. */
#include "lib/format.h"
#include "lib/math64.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "user/lib/info.h"
#include "user/lib/malloc.h"
#include "user/lib/service.h"
#include "user/lib/stdio.h"
#include "user/lib/time.h"
#include "user/shell/sent.h"
#include "user/shell/shell.h"

int reject_options(int argc, char **argv)
{
	const char *option = left_option(argc, argv);

	return !option ? 0 : complain(-EINVAL, "%s: unknown option %s; `help %s` shows the usage",
	                              argv[0], option, argv[0]);
}

int usage_error(const char *name)
{
	return complain(-EINVAL, "usage: %s", builtin_find(name)->usage);
}

/* -- echo, sleep -------------------------------------------------------------------- */

static int echo_run(int argc, char **argv)
{
	static char line[MAX_LINE + 1];		/* in one piece: others write as well */
	u32 len = 0;

	for (int i = 1; i < argc; i++)
		len += (u32)snprintf(line + len, MAX_LINE - len, "%s%s", i > 1 ? " " : "", argv[i]);
	line[len++] = '\n';
	console_write(line, len);
	return 0;
}

static const struct builtin echo_builtin = {
	"echo", "echo WORD...", "print the words", echo_run, false, NULL,
};

static int sleep_run(int argc, char **argv)
{
	const u64 longest = 1000000000ull * 1000;
	u64 ns;

	if (argc != 2 || parse_duration(argv[1], &ns))
		return complain(-EINVAL, "sleep: how long? Such as 2s or 500ms");
	for (u64 end = clock_ns() + ns, now; (now = clock_ns()) < end; ) {
		int err = sleep_us((u32)div_u64(MIN(end - now, longest) + 999, 1000));
		if (err)
			return err;
	}
	return 0;
}

static const struct builtin sleep_builtin = { "sleep", "sleep TIME", "wait", sleep_run, true, NULL };

/* -- jobs --------------------------------------------------------------------------- */

static int run_run(int argc, char **argv)
{
	return argc < 2 ? usage_error("run") : run_in_background(argc - 1, argv + 1);
}

static const struct builtin run_builtin = {
	"run", "run COMMAND [WORD...]", "run a command in the background, as & behind it does",
	run_run, false, complete_command,
};

static int jobs_run(int argc, char **argv)
{
	(void)argv;
	return argc != 1 ? usage_error("jobs") : jobs_list();
}

static const struct builtin jobs_builtin = {
	"jobs", "jobs", "list what runs in the background", jobs_run, false, NULL,
};

static int fg_run(int argc, char **argv)
{
	u32 job;

	return argc != 2 || parse_job(argv[1], &job) ? usage_error("fg") : job_foreground(job);
}

static const struct builtin fg_builtin = {
	"fg", "fg %JOB", "wait for a job; Ctrl-C ends it", fg_run, false, NULL,
};

static int kill_run(int argc, char **argv)
{
	u32 number;

	if (argc != 2)
		return usage_error("kill");
	if (!parse_job(argv[1], &number))
		return job_kill(number);
	if (parse_u32(argv[1], &number))
		return complain(-EINVAL, "kill: %s is not a task's number; `ps` shows them", argv[1]);
	int err = syscall(SYS_TASK_END, HANDLE_KERNEL, number, 0, 0);
	switch (err) {
	case -ESRCH:   return complain(err, "kill: there is no task %u; `ps` shows them", number);
	case -ENOTSUP: return complain(err, "kill: task %u is the kernel's own and never ends", number);
	case 0:        return 0;
	default:       return complain(err, "kill: task %u: %s", number, errno_text(err));
	}
}

static const struct builtin kill_builtin = {
	"kill", "kill TASK | %JOB", "ask a task to end: its waits return", kill_run, false, NULL,
};

/* -- servers ------------------------------------------------------------------------ */

static int ask_init(enum init_call what, const char *name, u32 authority)
{
	struct service_name wanted = { .authority = authority };

	if (strlcpy(wanted.name, name, sizeof(wanted.name)) >= sizeof(wanted.name))
		return -ENOENT;
	return ipc_send(HANDLE_CONTROL, what, &wanted, sizeof(wanted));
}

static int start_run(int argc, char **argv)
{
	bool missing;
	const char *list = take_option(&argc, argv, "-a", &missing);
	u32 authority = 0;

	if (missing || (list && parse_authority(list, &authority)))
		return complain(-EINVAL, "start: -a wants " AUTHORITY_NAMES);
	int err = reject_options(argc, argv);
	if (err)
		return err;
	if (argc != 2)
		return usage_error("start");
	if (sent_find(argv[1], true))
		printf("start: %s: init starts the boot archive's; the one that was sent runs by its name\n", argv[1]);
	err = ask_init(INIT_START, argv[1], authority | AUTH_CONSOLE);
	switch (err) {
	case 0:       return 0;
	case -EEXIST: return complain(err, "start: %s is started already; `servers` shows it", argv[1]);
	case -ENOENT: return complain(err, "start: %s, or what it needs: no such program in the boot archive",
	                              argv[1]);
	default:      return complain(err, "start: %s: %s", argv[1], errno_text(err));
	}
}

static const struct builtin start_builtin = {
	"start", "start [-a AUTHORITY,...] SERVER",
	"start a server, and again when it fails; -a: what a program may do that init does not know",
	start_run, false, complete_program,
};

static int stop_run(int argc, char **argv)
{
	if (argc != 2)
		return usage_error("stop");
	int err = ask_init(INIT_STOP, argv[1], 0);
	if (err == -ESRCH)
		return complain(err, "stop: %s is not started; `servers` lists what is", argv[1]);
	return err ? complain(err, "stop: %s: %s", argv[1], errno_text(err)) : 0;
}

static bool nth_server(u32 i, struct service_info *out)
{
	struct message m = { INIT_LIST | i << 8, address(out), sizeof(*out), 0 };

	return !ipc_call(HANDLE_INIT, MSG_GRANT_WRITE, &m) && !m.w0;
}

static bool complete_server(u32 i, char *out, u32 size)
{
	struct service_info s;

	if (!nth_server(i, &s))
		return false;
	strlcpy(out, s.program, size);
	return true;
}

static const struct builtin stop_builtin = {
	"stop", "stop SERVER", "end a server; its clients get EPIPE", stop_run, false, complete_server,
};

static int servers_run(int argc, char **argv)
{
	static const char *const states[] = { "stopped", "running", "waiting", "given up" };
	bool json = take_flag(&argc, argv, "-j");
	int err = reject_options(argc, argv);
	struct service_info s;
	struct json j;

	if (err)
		return err;
	if (!json)
		printf("PROGRAM      SERVICE      STATE     TASK  RESTARTS\n");
	for (u32 i = 0; nth_server(i, &s); i++) {
		const char *state = states[MIN(s.state, (u32)ARRAY_SIZE(states) - 1)];
		if (!json) {
			printf("%-12s %-12s %-9s %-5u %u\n", s.program, s.name, state, s.task, s.restarts);
			continue;
		}
		json_begin(&j);
		json_str(&j, "program", s.program);
		json_str(&j, "service", s.name);
		json_str(&j, "state", state);
		json_u64(&j, "task", s.task);
		json_u64(&j, "restarts", s.restarts);
		json_close(&j);
		console_write(j.text, j.len);
	}
	return 0;
}

static const struct builtin servers_builtin = {
	"servers", "servers [-j]", "list what init has started", servers_run, false, NULL,
};

/* -- the machine -------------------------------------------------------------------- */

static int poweroff_run(int argc, char **argv)
{
	u32 status = 0;

	if (argc > 2 || (argc == 2 && (parse_u32(argv[1], &status) || status > 123)))
		return complain(-EINVAL, "poweroff: the status is a number from 0 to 123");
	return syscall(SYS_POWER, HANDLE_KERNEL, POWER_OFF, status, 0);
}

static const struct builtin poweroff_builtin = {
	"poweroff", "poweroff [STATUS]", "turn the machine off", poweroff_run, false, NULL,
};

static int reboot_run(int argc, char **argv)
{
	(void)argv;
	return argc != 1 ? usage_error("reboot") : syscall(SYS_POWER, HANDLE_KERNEL, POWER_REBOOT, 0, 0);
}

static const struct builtin reboot_builtin = {
	"reboot", "reboot", "start the machine again", reboot_run, false, NULL,
};

const struct builtin *const builtins[] = {
	&cat_builtin, &dev_builtin, &echo_builtin, &fg_builtin, &help_builtin, &insmod_builtin, &jobs_builtin, &kill_builtin,
	&modinfo_builtin, &modprobe_builtin, &poweroff_builtin, &reboot_builtin, &receive_builtin, &rmmod_builtin, &run_builtin,
	&servers_builtin, &sleep_builtin, &start_builtin, &stop_builtin, NULL,
};

const struct builtin *builtin_find(const char *name)
{
	for (u32 i = 0; builtins[i]; i++) {
		if (streq(builtins[i]->name, name))
			return builtins[i];
	}
	return NULL;
}
