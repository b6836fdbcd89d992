/* Lies in wait in every system call that waits, with `pin ADDRESS` in every register and every
 * number that it can choose: an unload must not take them for tasks that are inside
 * (tests/kernel/test_user.c). Never ends by itself. */
#include "lib/format.h"
#include "lib/parse.h"
#include "user/lib/ipc.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"
#include "user/lib/time.h"

static u32 pin;				/* an address of a module */
static u8 stacks[NR_SYSCALLS][1024];
static u8 lock_stack[1024];
static int lower;			/* a device in which a read waits */

/* Microseconds whose nanoseconds end in about that address: a page of margin is read too. */
static u32 pinning_us(void)
{
	u64 ns = 999ull << 32 | pin, us = 0;

	for (u64 bit = 1ull << 32; bit; bit >>= 1) {
		if ((us + bit) * 1000 <= ns)
			us += bit;
	}
	return (u32)us;
}

/* They end the caller, or take from it, or from the console, what others need; they do not wait.
 * (test_user.c knows how many.) */
static bool is_left_out(u32 number)
{
	return number == SYS_EXIT || number == SYS_THREAD_EXIT || number == SYS_PROCESS_END ||
	       number == SYS_THREAD || number == SYS_CLOSE || number == SYS_POWER ||
	       number == SYS_CONSOLE_BIND;
}

static void wait_in(void *arg)
{
	u32 number = (u32)arg;
	u32 mine = (u32)endpoint_create(), badged = (u32)handle_dup(mine, RIGHTS_ALL, pin);
	u32 ebxs[] = { pin, 0, HANDLE_SELF, HANDLE_KERNEL, badged, badged | MSG_GRANT_READ };

	for (u32 i = 0; i < ARRAY_SIZE(ebxs); i++) {
		u32 ebx = ebxs[i], w0 = pin, w1 = pin, w2 = pin;

		if (number == SYS_SLEEP)
			w0 = pinning_us();
		(void)syscall_words((enum syscall)number, &ebx, &w0, &w1, &w2);
	}
	(void)sleep_us(pinning_us());
}

/* In a module, another one. */
static void wait_in_a_driver(void *number)
{
	static char buf[2];
	u32 ebx = (u32)lower, w0 = address(buf), w1 = sizeof(buf), w2 = pin;

	(void)syscall_words((enum syscall)(u32)number, &ebx, &w0, &w1, &w2);
	(void)sleep_us(pinning_us());
}

/* For the answer of its supervisor, which does not come. */
static void wait_in_a_fault(const char *number)
{
	char args[32];

	snprintf(args, sizeof(args), "pin fault %s", number);
	(void)!spawn(&(struct spawn){ .program = "pin", .args = args, .supervisor = (u32)endpoint_create() });
}

PROGRAM_HELP("pin", "waits in each system call with addresses of a module in all registers; for the in-kernel tests");

int main(int argc, char **argv)
{
	if (argc > 2 && !parse_u32(argv[2], &pin))
		return *(volatile int *)pin;
	if (argc < 2 || parse_u32(argv[1], &pin)) {
		printf("pin: started by the kernel's command `test`\n");
		return -EINVAL;
	}
	lower = syscall(SYS_OPEN, HANDLE_KERNEL, address("labrat"), 6, 0);
	if (lower < 0)
		return lower;
	for (u32 i = 0; i < NR_SYSCALLS; i++) {
		void (*fn)(void *) = i == SYS_READ ? wait_in_a_driver : wait_in;

		if (!is_left_out(i) && thread_start(fn, (void *)i, stacks[i], sizeof(stacks[i])) < 0)
			return -ENOMEM;
	}
	/* Behind who is in there, with its lock. */
	if (thread_start(wait_in_a_driver, (void *)SYS_WRITE, lock_stack, sizeof(lock_stack)) < 0)
		return -ENOMEM;
	wait_in_a_fault(argv[1]);
	(void)sleep_us(pinning_us());
	return 0;
}
