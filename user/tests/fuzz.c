/* Every system call with random and hostile arguments: `fuzz SEED CALLS [PROCESSES]`. Each
 * process has all authority but what would end the run (power, commands, ports, module
 * calls with a sound name), and two threads; their handles, memory and ends meet each
 * other. The kernel has to stay up and lose nothing: tests/kernel/test_user.c. */
#include "lib/parse.h"
#include "lib/prng.h"
#include "lib/string.h"
#include "user/lib/ipc.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"

#define MAX_PROCESSES 8u
#define ENDED 1u
#define PATIENCE 2000u			/* notifications, of which an alarm brings 50 a second */

static u8 room[8192] aligned(4096);	/* sound memory for arguments */
static u8 stack[8192];
static struct prng prng[2];		/* of the first thread and the second */
static u32 calls_made;			/* both count, so it is a lower bound */

/* A word that means something, or nothing. */
static u32 word(struct prng *p)
{
	static const u32 hostile[] = {
		0, 1, 4095, 4096, 0x400000, 0x7fffffff, 0x80000000, 0xbfffe000, 0xbffff000,
		0xbfffffff, 0xc0000000, 0xc0100000, 0xe0001000, 0xec002000, 0xfec00000,
		0xfffff000, 0xfffffffc, 0xffffffff, 0x40000000, 0x40001000, 16384, 65536,
	};

	switch (prng_below(p, 8)) {
	case 0:  return prng_next(p);
	case 1:  return hostile[prng_below(p, ARRAY_SIZE(hostile))];
	case 2:  return (u32)room + prng_below(p, sizeof(room));
	case 3:  return ALIGN_DOWN((u32)room + prng_below(p, sizeof(room)), 64u);
	case 4:  return 1u << prng_below(p, 32);
	case 5:  return 0x40000000 + prng_below(p, 64) * 4096;
	default: return prng_below(p, 24);
	}
}

static u32 handle(struct prng *p)
{
	static const u32 flags[] = { 0, 0, 0, MSG_GIVE, MSG_GRANT_READ, MSG_GRANT_WRITE, MSG_NONBLOCK, 0xffff0000 };

	return (prng_below(p, 8) ? prng_below(p, 24) : word(p)) | flags[prng_below(p, ARRAY_SIZE(flags))];
}

/* What would end the run instead of testing it, or wait for somebody who never comes. */
static bool spared(struct prng *p, enum syscall nr, u32 *ebx)
{
	switch (nr) {
	case SYS_POWER:
	case SYS_COMMAND:
	case SYS_CONSOLE_READ:
	case SYS_CONSOLE_WRITE:
	case SYS_EXIT:
	case SYS_THREAD_EXIT:
	case SYS_SLEEP:
		return true;
	case SYS_THREAD:		/* it mostly jumps to nowhere, and that is the end */
	case SYS_PROCESS_END:
		return prng_below(p, 1000) != 0;
	case SYS_RECEIVE:
	case SYS_REPLY_RECEIVE:
		*ebx |= MSG_NONBLOCK;
		return false;
	default:
		return false;
	}
}

/* Answers whoever waits at one of our endpoints: the second thread, mostly. */
static void answer_somebody(struct prng *p)
{
	u32 e = HANDLE_FIRST_FREE + prng_below(p, 16);

	if (syscall(SYS_RECEIVE, e | MSG_NONBLOCK, 0, 0, 0) == GOT_CALL && prng_below(p, 4))
		(void)syscall(SYS_REPLY, 0, word(p), word(p), word(p));
}

static void storm(struct prng *p, u32 n)
{
	for (; n--; calls_made++) {
		enum syscall nr = prng_below(p, NR_SYSCALLS + 1);
		u32 ebx = handle(p), w0 = word(p), w1 = word(p), w2 = word(p);

		if (p == &prng[0]) {
			answer_somebody(p);
			if (nr == SYS_CALL)	/* and must not wait for itself */
				ebx = HANDLE_SERVICE;
		}
		if (spared(p, nr, &ebx))
			continue;
		if (nr == SYS_MEMORY && prng_below(p, 100))
			w0 %= 32;	/* zeroing megabytes takes its time */
		if (nr == SYS_UNMAP && w0 < 0x40000000)
			continue;	/* the program itself */
		if (!prng_below(p, 4)) {	/* a structure of such words */
			for (u32 i = 0; i < 10; i++)
				((u32 *)room)[i] = word(p);
			w0 = (u32)room;
		}
		(void)syscall_words(nr, &ebx, &w0, &w1, &w2);
	}
}

static void second_thread(void *arg)
{
	storm(&prng[1], *(u32 *)arg);
}

static int storm_of(u32 seed, u32 calls)
{
	int e = endpoint_create();
	u32 half = calls / 2;

	prng_seed(&prng[0], seed);
	prng_seed(&prng[1], seed ^ 0x5555);
	(void)!thread_start(second_thread, &half, stack, sizeof(stack));
	/* A thread may wait for an answer for ever: its process ends with the first one. */
	(void)ipc_alarm((u32)e, 1, 1000);
	storm(&prng[0], half);
	return (int)calls_made;
}

/* Those who may take part: the end of the run is the parent's. */
#define STORM_AUTHORITY (RIGHT_GIVE | AUTH_DEVICES | AUTH_IRQ | AUTH_PHYS | AUTH_PROCESS | AUTH_INFO | AUTH_MODULES)

static int start_one(u32 seed, u32 calls, u32 endpoint)
{
	char args[64];

	snprintf(args, sizeof(args), "fuzz storm %u %u", seed, calls);
	return spawn(&(struct spawn){
		.program = "fuzz", .args = args, .ended_bits = ENDED, .supervisor = endpoint,
		.gift = { { HANDLE_KERNEL, HANDLE_KERNEL, STORM_AUTHORITY },
		          { HANDLE_SERVICE, endpoint, RIGHT_CALL | RIGHT_GIVE } },
	});
}

/* One after the other comes to its end, by itself or by ours; calls and faults that come
 * meanwhile are answered with what is at hand. Returns the calls that were made. */
static u32 wait_for_ends(u32 endpoint, int *process, u32 n, u32 calls)
{
	u32 rounds = 0, sum = 0;

	for (;;) {
		struct process_status s;
		u32 ebx = endpoint, w0 = FAULT_END, w1 = 0, w2 = 0, left = 0;

		for (u32 i = 0; i < n; i++) {
			if (process[i] < 0 || process_status((u32)process[i], &s))
				continue;
			if (s.ended) {
				sum += s.code > 0 && (u32)s.code <= calls ? (u32)s.code : 0;
				handle_close((u32)process[i]);
				process[i] = -ESRCH;
				continue;
			}
			left++;
			if (rounds > PATIENCE)
				process_end((u32)process[i], 0);
		}
		if (!left)
			return sum;
		(void)ipc_alarm(endpoint, 2, 20000);
		if (syscall_words(SYS_REPLY_RECEIVE, &ebx, &w0, &w1, &w2) == GOT_NOTIFICATION)
			rounds++;
	}
}

PROGRAM_HELP("fuzz SEED CALLS [PROCESSES]", "every system call with random and hostile arguments");

int main(int argc, char **argv)
{
	u32 seed = 1, calls = 1000, n = 4;
	int process[MAX_PROCESSES];

	if (argc > 3 && streq(argv[1], "storm") && !parse_u32(argv[2], &seed) && !parse_u32(argv[3], &calls))
		return storm_of(seed, calls);
	if ((argc > 1 && parse_u32(argv[1], &seed)) || (argc > 2 && parse_u32(argv[2], &calls)) ||
	    (argc > 3 && parse_u32(argv[3], &n)) || !n || n > MAX_PROCESSES) {
		printf("usage: fuzz SEED CALLS [PROCESSES]\n");
		return -EINVAL;
	}
	int e = endpoint_create();
	for (u32 i = 0; i < n; i++)
		process[i] = start_one(seed * 64 + i, calls, (u32)e);
	printf("fuzz: %u calls and more\n", wait_for_ends((u32)e, process, n, calls));
	return 0;
}
