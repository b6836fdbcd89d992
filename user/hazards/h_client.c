/* A process on the stage of `hazard` (kernel/shell/hazard_actor.c):
 *
 *     h_client open|read DEVICE          opens it, or reads once as well
 *     h_client ioctl DEVICE N            opens it, ioctl N; what that answers is of no interest
 *     h_client map DEVICE                maps the page that ioctl 1 names, and watches it
 *     h_client words DEVICE              waits in calls whose words are the address that ioctl 1
 *                                        tells (without its last 4 bits)
 *     h_client rmmod MODULE [revoke] [reads|computes]
 *                                        asks for its unload, while another thread of its
 *                                        own reads the device or computes
 *
 * The last word is added by the kernel: how long an unload tries, in us. Status:
 * 0, an error, or SAW_ANOTHERS: memory that was the module's has another's content. */
#include "lib/parse.h"
#include "lib/string.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/syscall.h"

#define SAW_ANOTHERS 1

static int open_device(const char *name)
{
	return syscall(SYS_OPEN, HANDLE_KERNEL, address(name), strlen(name), 0);
}

static int read_device(u32 file, u32 len)
{
	static char buf[64];

	return syscall(SYS_READ, file, address(buf), len, 0);
}

static int read_once(const char *name)
{
	int file = open_device(name);
	int got = file < 0 ? file : read_device((u32)file, 64);

	return MIN(got, 0);
}

static int ask_once(const char *name, const char *number)
{
	int file = open_device(name);
	u32 n;

	if (file < 0 || parse_u32(number, &n))
		return file < 0 ? file : -EINVAL;
	(void)syscall(SYS_IOCTL, (u32)file, n, 0, 0);
	return 0;
}

/* -- a page of the module's ------------------------------------------------------------- */

static int map_page(u32 frame, const volatile u32 **page)
{
	int memory = syscall(SYS_MEMORY_PHYS, HANDLE_KERNEL, frame, 1, 0), at;
	struct map_args args = { .memory = (u32)memory, .pages = 1, .rights = RIGHT_READ };

	if (memory < 0)
		return memory;
	at = syscall(SYS_MAP, 0, address(&args), 0, 0);
	if (IS_ERR((void *)at))
		return at;
	*page = (const volatile u32 *)at;
	return 0;
}

static int watch_page(const char *name)
{
	const volatile u32 *page;
	int file = open_device(name);
	int frame = file < 0 ? file : syscall(SYS_IOCTL, (u32)file, 1, 0, 0);
	int err = frame < 0 ? frame : map_page((u32)frame, &page);

	if (err)
		return err;
	(void)syscall(SYS_CLOSE, (u32)file, 0, 0, 0);
	for (u32 before = *page; *page == before;)
		(void)syscall(SYS_SLEEP, 0, 1000, 0, 0);
	return SAW_ANOTHERS;
}

/* -- an address of the module in every register ------------------------------------------ */

static u32 pin;

static void wait_in_call(void *number)
{
	u32 ebx = (u32)syscall(SYS_ENDPOINT, 0, 0, 0, 0), w0 = pin, w1 = pin, w2 = pin;

	(void)syscall_words((enum syscall)(u32)number, &ebx, &w0, &w1, &w2);
}

static int wait_everywhere(const char *name)
{
	static u8 stack[2][1024] aligned(16);
	int file = open_device(name);
	int told = file < 0 ? file : syscall(SYS_IOCTL, (u32)file, 1, 0, 0);

	if (told < 0)
		return told;
	pin = (u32)told << 4;
	(void)syscall(SYS_CLOSE, (u32)file, 0, 0, 0);
	int err = thread_start(wait_in_call, (void *)SYS_CALL, stack[0], sizeof(stack[0]));
	if (err >= 0)
		err = thread_start(wait_in_call, (void *)SYS_RECEIVE, stack[1], sizeof(stack[1]));
	if (err >= 0)
		wait_in_call((void *)SYS_SLEEP);
	return MIN(err, 0);
}

/* -- rmmod ---------------------------------------------------------------------------------- */

static volatile bool begun;

static void read_on(void *name)
{
	int file = open_device(name);

	while (file >= 0 && read_device((u32)file, 1) >= 0)
		begun = true;
	begun = true;			/* whoever waits finds out */
}

static void compute_on(void *unused)
{
	(void)unused;
	for (;;)
		begun = true;
}

static int start_other(void (*fn)(void *), char *name)
{
	static u8 stack[4096] aligned(16);
	int err = thread_start(fn, name, stack, sizeof(stack));

	while (err >= 0 && !begun)
		(void)syscall(SYS_SLEEP, 0, 100, 0, 0);
	return MIN(err, 0);
}

static int unload(const char *name, u32 flags, u32 patience_us)
{
	struct module_args args = {
		.name = address(name), .name_len = strlen(name),
		.flags = MODULE_NONBLOCK | flags, .patience_us = patience_us,
	};

	return syscall(SYS_MODULE_UNLOAD, HANDLE_KERNEL, address(&args), 0, 0);
}

static int rmmod(int argc, char **argv, u32 patience_us)
{
	u32 flags = 0;
	int err = 0;

	for (int i = 3; i < argc && !err; i++) {
		if (streq(argv[i], "revoke"))
			flags |= MODULE_REVOKE;
		else
			err = start_other(streq(argv[i], "reads") ? read_on : compute_on, argv[2]);
	}
	return err ? err : unload(argv[2], flags, patience_us);
}

PROGRAM_HELP("h_client open | read | map | words | rmmod NAME",
             "a process on the stage of `hazard`, which runs it");

int main(int argc, char **argv)
{
	u32 patience_us;

	if (argc < 4 || parse_u32(argv[--argc], &patience_us))
		return -EINVAL;
	if (streq(argv[1], "open"))
		return MIN(open_device(argv[2]), 0);
	if (streq(argv[1], "read"))
		return read_once(argv[2]);
	if (streq(argv[1], "ioctl") && argc == 4)
		return ask_once(argv[2], argv[3]);
	if (streq(argv[1], "words"))
		return wait_everywhere(argv[2]);
	if (streq(argv[1], "map"))
		return watch_page(argv[2]);
	return streq(argv[1], "rmmod") ? rmmod(argc, argv, patience_us) : -EINVAL;
}
