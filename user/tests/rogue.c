/* What a program of the prompt tries that it has no right to, and what it would leave behind
 * (tests/system/test_rights.py). Started as a server it hands out what it must not, and crashes when
 * it is asked to. */
#include "lib/string.h"
#include "user/lib/device.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/service.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"
#include "user/lib/time.h"

/* Calls of the server. */
enum { ROGUE_ANSWER, ROGUE_GIVE_RECEIVE, ROGUE_CRASH };

static int answer(struct call *c)
{
	if (c->w0 == ROGUE_GIVE_RECEIVE) {
		c->w2 = HANDLE_SERVICE;
		c->flags = MSG_GIVE;
	}
	if (c->w0 == ROGUE_CRASH)
		__asm__ volatile("ud2");
	return c->w0 == ROGUE_ANSWER;
}

static void try_device(const char *name)
{
	struct device d;
	int err = device_open(&d, name, 0);

	printf("rogue: open %s: %s\n", name, errno_name(err));
	device_close(&d);
}

static void sit(void) noreturn;
static void sit(void)
{
	for (;;)
		(void)sleep_us(1000000);
}

/* -- with the endpoint of a server ----------------------------------------------------------- */

/* It may be looked up, and not be told to leave. */
static int try_leave(const char *name)
{
	int service = service_lookup(name);

	return service < 0 ? service : ipc_notify((u32)service, SERVICE_LEAVE);
}

/* Whatever the server would give: no message carries the right to receive. */
static int try_take(const char *name)
{
	struct message m = { ROGUE_GIVE_RECEIVE, 0, 0, 0 };
	int service = service_lookup(name);
	int err = service < 0 ? service : ipc_call((u32)service, 0, &m);

	return err ? err : m.gift ? 0 : (int)m.w0;
}

/* By the name: the answer of the life that is there, or will be. Until init has heard of an end, the
 * name still leads to the life that has ended. */
static int ask_by_name(const char *name)
{
	int err, found;

	do {
		found = service_lookup(name);
		err = found < 0 ? found : ipc_ask((u32)found, ROGUE_ANSWER, 0, 0);
	} while (err == -EPIPE);
	return err;
}

/* An endpoint is of one life of its server: 1 if the next one is found by name alone. */
static int try_lives(const char *name)
{
	int old = service_lookup(name), err, new;

	err = old < 0 ? old : ipc_ask((u32)old, ROGUE_CRASH, 0, 0);
	if (err != -EPIPE)
		return err < 0 ? err : -EIO;
	new = ask_by_name(name);
	err = ipc_ask((u32)old, ROGUE_ANSWER, 0, 0);
	return err == -EPIPE ? new : -EEXIST;
}

/* -- with files of a driver --------------------------------------------------------------------- */

/* All that there are, for as long as it lives. */
static int try_hoard(const char *name)
{
	struct device d;
	int err;
	u32 n = 0;

	while (!(err = device_open(&d, name, 0)))
		n++;
	printf("rogue: %u files, then %s\n", n, errno_name(err));
	sit();
}

/* Each of many opens is refused, and leaves nothing. */
static int try_refused(const char *name)
{
	struct device d;

	for (u32 i = 0; i < 200; i++) {
		if (device_open(&d, name, 0) != -EMFILE)
			return -EIO;
	}
	return 0;
}

#define READERS 63u
static struct device shared;

static void read_shared(void *unused)
{
	u8 byte;

	(void)unused;
	(void)!device_read(&shared, &byte, 1);
}

/* So many threads wait in the driver at once. */
static int try_readers(const char *name)
{
	static u8 stacks[READERS][1024] aligned(16);
	int err = device_open(&shared, name, 0);

	for (u32 i = 0; i < READERS && err >= 0; i++)
		err = thread_start(read_shared, NULL, stacks[i], sizeof(stacks[i]));
	if (err < 0)
		return err;
	sit();
}

/* -- which ------------------------------------------------------------------------------------------ */

static int try_keyboard(const char *unused)
{
	int got = syscall(SYS_CONSOLE_BIND, HANDLE_KERNEL, (u32)endpoint_create(), 1, 0);

	(void)unused;
	return MIN(got, 0);
}

/* Above the kernel's workers. */
static int try_priority(const char *unused)
{
	(void)unused;
	return syscall(SYS_PRIORITY, 0, PRIORITY_NORMAL + 1, 0, 0);
}

/* -- at the cost of others ---------------------------------------------------------------------- */

/* Closed badges that are not received, until memory is short: what the kernel needs is left to it. */
static int try_watches(const char *unused)
{
	int e = endpoint_create(), h = 1;

	(void)unused;
	for (u32 i = 1; h > 0; i++) {
		h = handle_watch((u32)e, RIGHT_CALL, i);
		if (h > 0)
			handle_close((u32)h);
	}
	/* So many take pages of their own. */
	for (u32 i = 0; i < 50 && h == -ENOMEM; i++)
		if (endpoint_create() < 0)
			return -EIO;
	return h;
}

#define CROWD 60u

static void wait_for_nothing(void *unused)
{
	(void)unused;
	for (;;)
		(void)!service_wait("nosuch");
}

/* More than init has places for. */
static int try_crowd(const char *unused)
{
	static u8 stacks[CROWD][1024] aligned(16);
	int err = 0;

	(void)unused;
	for (u32 i = 0; i < CROWD && err >= 0; i++)
		err = thread_start(wait_for_nothing, NULL, stacks[i], sizeof(stacks[i]));
	if (err < 0)
		return err;
	sit();
}

static int try_waits(const char *name)
{
	int found = service_wait(name);

	return MIN(found, 0);
}

PROGRAM_HELP("rogue leave|take|lives|hoard|refused|readers|keyboard|priority|watches|crowd|waits NAME", "try what a program has no right to");

int main(int argc, char **argv)
{
	static const struct { const char *name; int (*try)(const char *name); } what[] = {
		{ "leave", try_leave }, { "take", try_take }, { "lives", try_lives }, { "hoard", try_hoard },
		{ "refused", try_refused }, { "readers", try_readers }, { "keyboard", try_keyboard },
		{ "priority", try_priority }, { "watches", try_watches }, { "crowd", try_crowd }, { "waits", try_waits },
	};

	for (u32 i = 0; argc == 3 && i < ARRAY_SIZE(what); i++) {
		if (!streq(argv[1], what[i].name))
			continue;
		int result = what[i].try(argv[2]);
		printf("rogue: %s: %s\n", argv[1], result == 1 ? "answered" : errno_name(result));
		return 0;
	}
	try_device("rtc");
	return serve(&(struct server){ HANDLE_SERVICE, answer, NULL });
}
