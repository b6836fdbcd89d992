/* A server to be asked, and to be brought down: for tests/system/test_user.py. */
#include "user/tests/parrot.h"
#include "user/lib/ipc.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/syscall.h"
#include "user/lib/time.h"

static int reverse(const struct call *c)
{
	char text[64];
	int len = c->w2 <= sizeof(text) ? ipc_copy_in(0, text, c->w2) : -E2BIG;

	for (int i = 0; i < len / 2; i++) {
		char first = text[i];
		text[i] = text[len - 1 - i];
		text[len - 1 - i] = first;
	}
	return len < 0 ? len : ipc_copy_out(0, text, (u32)len);
}

static u8 stacks[4][1024] aligned(16);
static volatile u32 ready;

/* All of them fault before the first one is answered: they spin on CPUs of their own. */
static void crash_with_others(void *cpu)
{
	(void)syscall(SYS_AFFINITY, 0, 1u << (u32)cpu, 0, 0);
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (ready < ARRAY_SIZE(stacks))
		;
	*(volatile u32 *)0 = 1;
}

static int crash_all(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(stacks); i++) {
		int err = thread_start(crash_with_others, (void *)i, stacks[i], sizeof(stacks[i]));
		if (err < 0)
			return err;
	}
	return sleep_us(10000000);
}

static int answer(struct call *c)
{
	switch (c->w0) {
	case PARROT_NEXT:
		c->w1++;
		return 0;
	case PARROT_REVERSE:
		return reverse(c);
	case PARROT_CRASH:
		*(volatile u32 *)0 = 1;
		return 0;
	case PARROT_EXIT:
		process_exit(0);
	case PARROT_CRASH_ALL:
		return crash_all();
	default:
		return -ENOSYS;
	}
}

PROGRAM_HELP("", "a server to be asked, and to be brought down, by `ask`");

int main(void)
{
	return serve(&(struct server){ HANDLE_SERVICE, answer, NULL });
}
