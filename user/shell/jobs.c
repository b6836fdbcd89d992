/* Processes that the shell runs, and the keys that are typed meanwhile. */
#include "lib/format.h"
#include "lib/string.h"
#include "user/lib/fault.h"
#include "user/lib/process.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"
#include "user/lib/time.h"
#include "user/lib/words.h"
#include "user/shell/sent.h"
#include "user/shell/shell.h"
#include "user/shell/typeahead.h"

#define BIT_KEY   (1u << 0)
#define BIT_ENDED (1u << 1)
#define LOOK_US   200u
#define BIT_ALARM (1u << 2)

struct job {
	u32 process;			/* handle; 0: this place is free */
	u32 task;
	char name[24];
	char line[96];			/* what was asked for, perhaps cut off */
};

static struct job jobs[32];
static struct job *foreground;		/* whom Ctrl-C ends; NULL: the shell itself is at work */
static int foreground_code;
static int events;			/* endpoint */
static u32 keyboard;			/* handle */

/* -- keys --------------------------------------------------------------------------- */

/* While a line runs, what is typed is taken as it comes, so that Ctrl-C is seen. */
static bool line_runs;
bool interrupted;

/* What was typed before Ctrl-C is forgotten; the line that runs goes no further.
 * A Ctrl-C that came with Enter, before the line began, counts for the line:
 * "rmmod -w uart", Enter, Ctrl-C may all arrive in one read. */
static void heed_ctrl_c(void)
{
	if (!typeahead_ctrl_c())
		return;
	interrupted = true;
	if (foreground)
		process_end(foreground->process, -EINTR);
}

/* No more than there is room for: the rest waits in the kernel, and beyond that in the sender. */
static void take_keys(void)
{
	u8 c = 0;

	while (typeahead_room() && syscall(SYS_CONSOLE_READ, keyboard, address(&c), 1, 0) > 0)
		typeahead_put(c);
	if (line_runs)
		heed_ctrl_c();
}

void begin_line(void)
{
	interrupted = false;
	line_runs = true;
}

void end_line(void)
{
	line_runs = false;
}

/* -- what the endpoint tells -------------------------------------------------------- */

static void free_job(struct job *j)
{
	handle_close(j->process);
	j->process = 0;
}

/* The code of one that was killed or has crashed is an error, that of another its own. */
static void tell_end(const struct job *j, int code)
{
	if (code < 0)
		printf("[task %u] %s: %s\n", j->task, j->line, errno_name(code));
	else if (code)
		printf("[task %u] %s: exit status %d\n", j->task, j->line, code);
}

static void look_after_jobs(void)
{
	struct process_status status;

	for (u32 i = 0; i < ARRAY_SIZE(jobs); i++) {
		struct job *j = &jobs[i];
		if (!j->process || process_status(j->process, &status) || !status.ended)
			continue;
		if (j == foreground) {
			foreground = NULL;
			foreground_code = status.code;
		} else {
			tell_end(j, status.code);
		}
		free_job(j);
	}
}

static bool alarm_rang;

static void notified(u32 bits)
{
	if (bits & BIT_ENDED)
		look_after_jobs();
	if (bits & BIT_KEY)
		take_keys();
	if (bits & BIT_ALARM)
		alarm_rang = true;
}

/* Only the kernel calls here, for a job that has come to a fault. */
static int told_fault(struct call *c)
{
	char text[96];

	if (!is_fault(c) || c->badge - 1 >= ARRAY_SIZE(jobs))
		return -EPERM;
	fault_text(c, text, sizeof(text));
	printf("%s (task %u): %s\n", jobs[c->badge - 1].name, jobs[c->badge - 1].task, text);
	return FAULT_END;
}

static void wait_for_event(void)
{
	int err = serve_one(&(struct server){ .endpoint = (u32)events, .call = told_fault, .notified = notified });

	if (err < 0)
		process_exit(err);	/* deaf: init starts another */
}

int jobs_init(void)
{
	events = endpoint_create();
	int got = events < 0 ? events : syscall(SYS_CONSOLE_BIND, HANDLE_KERNEL, (u32)events, BIT_KEY, 0);
	keyboard = (u32)got;
	return MIN(got, 0);
}

u8 next_key(void)
{
	int c;

	take_keys();
	while ((c = typeahead_get()) < 0)
		wait_for_event();
	return (u8)c;
}

/* Looks by itself in between: the kernel takes what lies in the serial port at a tick or when it is asked, and
 * the port's FIFO holds what comes in 1.4 ms (16 characters at 115200 baud). */
int next_key_within(u32 us, bool heed)
{
	u64 end = 0;
	int c;

	for (;;) {
		take_keys();
		c = typeahead_get();
		if (c >= 0)
			return c;
		if (heed && interrupted)
			return -EINTR;
		if (end && clock_ns() >= end)
			return -ETIMEDOUT;
		end = end ?: clock_ns() + (u64)us * 1000;
		(void)sleep_us(LOOK_US);
	}
}

bool key_within(u32 us)
{
	alarm_rang = ipc_alarm((u32)events, BIT_ALARM, us) < 0;
	take_keys();
	while (typeahead_empty() && !alarm_rang)
		wait_for_event();
	(void)ipc_alarm((u32)events, BIT_ALARM, 0);
	return !typeahead_empty();
}

/* -- running ------------------------------------------------------------------------ */

static struct job *free_place(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(jobs); i++) {
		if (!jobs[i].process)
			return &jobs[i];
	}
	return NULL;
}

int job_start(const char *program, int argc, char **argv, u32 authority, bool background, const struct sent *file)
{
	static char line[MAX_LINE + 64];	/* quotes make it longer */
	bool command = streq(program, "shell");
	struct process_status status = { .id = 0 };
	struct job *j = free_place();
	char why[96] = "";

	if (!j)
		return complain(-EAGAIN, "%s: there are %u jobs already", argv[0], (u32)ARRAY_SIZE(jobs));
	if (join_words(argc, argv, line, sizeof(line)))
		return complain(-E2BIG, "%s: the line is too long", argv[0]);
	strlcpy(j->name, argv[0], sizeof(j->name));
	strlcpy(j->line, line, sizeof(j->line));
	int process = spawn(&(struct spawn){
		.program = program, .args = line, .supervisor = (u32)events,
		.badge = (u32)(j - jobs) + 1, .ended_bits = BIT_ENDED,
		/* A command at the prompt is the shell at work; programs are what it has to end. */
		.priority = command && !background ? 0 : PRIORITY_NORMAL,
		.text = why, .text_size = sizeof(why),
		.image = file && !command ? file->data : NULL, .image_len = file ? file->len : 0,
		.gift = {
			{ HANDLE_KERNEL, HANDLE_KERNEL, authority },
			{ HANDLE_INIT, HANDLE_INIT, RIGHTS_ALL },
			{ HANDLE_SENT, file && command ? file->memory : 0, RIGHT_READ | RIGHT_GIVE },
		},
	});
	if (process < 0)		/* a command has another way to run without memory */
		return command && process == -ENOMEM ? process :
		       complain(process, "%s: %s", argv[0], why[0] ? why : errno_text(process));
	j->process = (u32)process;
	(void)process_status(j->process, &status);
	j->task = status.id;
	if (background)
		printf("[task %u] %s\n", j->task, j->name);
	return (int)(j - jobs) + 1;
}

bool job_runs(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(jobs); i++) {
		if (jobs[i].process && streq(jobs[i].name, name))
			return true;
	}
	return false;
}

/* -- job control -------------------------------------------------------------------- */

int jobs_list(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(jobs); i++) {
		if (jobs[i].process)
			printf("%%%-3u task %-5u %s\n", i + 1, jobs[i].task, jobs[i].line);
	}
	return 0;
}

static struct job *job_numbered(u32 number)
{
	return number - 1 < ARRAY_SIZE(jobs) && jobs[number - 1].process ? &jobs[number - 1] : NULL;
}

int job_foreground(u32 number)
{
	struct job *j = job_numbered(number);

	if (!j)
		return complain(-ESRCH, "fg: there is no job %%%u; `jobs` lists them", number);
	foreground = j;
	take_keys();
	while (foreground)
		wait_for_event();
	return foreground_code;
}

int job_kill(u32 number)
{
	struct job *j = job_numbered(number);

	if (!j)
		return complain(-ESRCH, "kill: there is no job %%%u; `jobs` lists them", number);
	process_end(j->process, -EINTR);
	return 0;
}
