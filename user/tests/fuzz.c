/* Every system call with random and hostile arguments: `fuzz SEED CALLS [PROCESSES]`. Each
 * process has all authority but what would end the run (power, commands, ports, module
 * calls with a sound name), and two threads; their handles, memory and ends meet each
 * other. The kernel has to stay up and lose nothing: tests/kernel/test_user.c.
 *
 * A process closes its own handles sooner or later, and overwrites its own memory; so it lives
 * for LIFE calls at most, and the next one takes its place until CALLS have been made there. They
 * count in memory of the parent, where the count survives them. */
#include "lib/parse.h"
#include "lib/prng.h"
#include "lib/string.h"
#include "user/lib/ipc.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"

#define MAX_PROCESSES 8u
#define LIFE          1000u		/* calls */
#define ENDED         1u
#define LOOK_US       10000u
#define PATIENCE      4u		/* looks at a count that does not move */
#define MAX_FRUITLESS 1000u		/* lives, without a call */
#define TALLY_AT      0x30000000u	/* below what SYS_MAP chooses: no argument leads there */

/* Written by the two threads of a process, read by its parent. */
struct tally { volatile u32 calls[2]; };

static struct tally *tally;		/* in a child: its own */
static u32 oldest;			/* the first of the tasks that may be ended */
static u8 room[8192] aligned(4096);	/* sound memory for arguments */
static u8 stack[8192];
static struct prng prng[2];		/* of the first thread and the second */

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

/* Takes away what the program itself runs on; that would end a life early. */
static bool unmaps_itself(u32 at, u32 pages)
{
	return at < 0x40000000 || at >= 0xb0000000 || pages > (0xb0000000 - at) / 4096;
}

static void random_structure(struct prng *p)
{
	for (u32 i = 0; i < 10; i++)
		((u32 *)room)[i] = word(p);
}

static void storm(struct prng *p, u32 n)
{
	volatile u32 *count = &tally->calls[p - prng];

	for (; *count < n; (*count)++) {
		enum syscall nr = prng_below(p, NR_SYSCALLS + 1);
		u32 ebx = handle(p), w0 = word(p), w1 = word(p), w2 = word(p);

		if (p == &prng[0]) {
			answer_somebody(p);
			if (nr == SYS_CALL)	/* and must not wait for itself */
				ebx = HANDLE_SERVICE;
		}
		while (spared(p, nr, &ebx))
			nr = prng_below(p, NR_SYSCALLS + 1);
		if (nr == SYS_MEMORY && prng_below(p, 100))
			w0 %= 32;	/* zeroing megabytes takes its time */
		if (!prng_below(p, 4)) {
			random_structure(p);
			w0 = (u32)room;
		}
		if (nr == SYS_TASK_END && w0 < oldest)
			w0 = oldest;	/* the run's own tasks are older */
		if (nr == SYS_UNMAP && unmaps_itself(w0, w1))
			w0 = 0x40000000 + prng_below(p, 64) * 4096;
		(void)syscall_words(nr, &ebx, &w0, &w1, &w2);
	}
}

static void second_thread(void *arg)
{
	storm(&prng[1], *(u32 *)arg);
}

/* HANDLE_FIRST_FREE is the parent's page of counts. */
static int storm_of(u32 seed, u32 calls, u32 place)
{
	struct map_args map = { .memory = HANDLE_FIRST_FREE, .address = TALLY_AT, .pages = 1, .rights = RIGHT_READ | RIGHT_WRITE };
	int at = syscall(SYS_MAP, 0, address(&map), 0, 0), e = endpoint_create();
	u32 half = (calls + 1) / 2;

	if (at != (int)TALLY_AT)
		return -ENOMEM;
	handle_close(HANDLE_FIRST_FREE);
	tally = (struct tally *)TALLY_AT + place % MAX_PROCESSES;
	prng_seed(&prng[0], seed);
	prng_seed(&prng[1], seed ^ 0x5555);
	(void)!thread_start(second_thread, &half, stack, sizeof(stack));
	/* A thread may wait for an answer for ever: its process ends with the first one. */
	(void)ipc_alarm((u32)e, 1, 1000);
	storm(&prng[0], half);
	return 0;
}

/* -- the parent ------------------------------------------------------------------------- */

/* Those who may take part: the end of the run is the parent's. */
#define STORM_AUTHORITY (RIGHT_GIVE | AUTH_DEVICES | AUTH_IRQ | AUTH_PHYS | AUTH_PROCESS | AUTH_INFO | AUTH_MODULES)

struct place {
	int process;			/* of the life that it is in; <= 0: none */
	u32 made;			/* by lives that are over */
	u32 seen, looks;		/* of the count, and how often it has not moved */
	u32 lives, fruitless;
};

static struct place places[MAX_PROCESSES];
static u32 counts;			/* handle of the page */

static int start_one(u32 seed, u32 calls, u32 place, u32 endpoint)
{
	char args[80];

	snprintf(args, sizeof(args), "fuzz storm %u %u %u %u", seed, calls, place, oldest);
	return spawn(&(struct spawn){
		.program = "fuzz", .args = args, .ended_bits = ENDED, .supervisor = endpoint,
		.gift = { { HANDLE_KERNEL, HANDLE_KERNEL, STORM_AUTHORITY },
		          { HANDLE_SERVICE, endpoint, RIGHT_CALL | RIGHT_GIVE },
		          { HANDLE_FIRST_FREE, counts, RIGHT_READ | RIGHT_WRITE } },
	});
}

static u32 counted(const struct tally *t) { return t->calls[0] + t->calls[1]; }

/* The life is over: it counts. */
static void bury(struct place *p, struct tally *t)
{
	u32 made = MIN(counted(t), LIFE);

	handle_close((u32)p->process);
	p->process = 0;
	p->made += made;
	p->fruitless = made ? 0 : p->fruitless + 1;
	t->calls[0] = t->calls[1] = p->seen = p->looks = 0;
}

/* Ends one that waits for what never comes. */
static void look_at(struct place *p, struct tally *t)
{
	struct process_status s;
	u32 now = counted(t);

	if (process_status((u32)p->process, &s) || s.ended) {
		bury(p, t);
		return;
	}
	p->looks = now == p->seen ? p->looks + 1 : 0;
	p->seen = now;
	if (p->looks > PATIENCE)
		process_end((u32)p->process, 0);
}

/* Keeps `n` places busy until each has made so many calls. Calls and faults that come meanwhile
 * are answered with what is at hand. */
static int run_places(u32 seed, u32 n, u32 calls, u32 endpoint)
{
	for (u32 busy = 1; busy; ) {
		u32 ebx = endpoint, w0 = FAULT_END, w1 = 0, w2 = 0;

		busy = 0;
		for (u32 i = 0; i < n; i++) {
			struct place *p = &places[i];

			if (p->process > 0)
				look_at(p, &tally[i]);
			if (p->process <= 0 && p->made < calls) {
				if (p->process == -EPERM || p->fruitless > MAX_FRUITLESS)
					return p->process ?: -EIO;
				p->process = start_one(seed * 64 + i + 977 * p->lives++, MIN(calls - p->made, LIFE), i, endpoint);
				p->fruitless += p->process <= 0;
			}
			busy += p->process > 0 || p->made < calls;
		}
		(void)ipc_alarm(endpoint, 2, LOOK_US);
		if (busy && syscall_words(SYS_REPLY_RECEIVE, &ebx, &w0, &w1, &w2) == GOT_GIFT)
			handle_close(w2);
	}
	return 0;
}

static int make_counts(void)
{
	int memory = syscall(SYS_MEMORY, 0, 1, 0, 0);
	struct map_args map = { .memory = (u32)memory, .pages = 1, .rights = RIGHT_READ | RIGHT_WRITE };

	if (memory < 0)
		return memory;
	counts = (u32)memory;
	tally = (struct tally *)syscall(SYS_MAP, 0, address(&map), 0, 0);
	return IS_ERR(tally) ? PTR_ERR(tally) : 0;
}

static int run(u32 seed, u32 calls, u32 n)
{
	int e = endpoint_create(), err = e < 0 ? e : make_counts();
	struct process_status self = { .id = 0 };
	u32 made = 0, lives = 0;

	(void)process_status(HANDLE_SELF, &self);
	oldest = self.id + 1;
	if (!err)
		err = run_places(seed, n, calls, (u32)e);
	for (u32 i = 0; i < n; i++) {
		made += places[i].made;
		lives += places[i].lives;
	}
	printf("fuzz: %u calls by %u processes\n", made, lives);
	if (err == -EPERM)
		printf("fuzz: it may not start processes, as no program of the prompt may; `test user_fuzz` runs it\n");
	else if (err)
		printf("fuzz: no process makes a call (%s)\n", errno_text(err));
	return err;
}

PROGRAM_HELP("fuzz SEED CALLS [PROCESSES]", "every system call with random and hostile arguments; PROCESSES at once make CALLS each");

int main(int argc, char **argv)
{
	u32 seed = 1, calls = 1000, n = 4, place;

	if (argc > 5 && streq(argv[1], "storm") && !parse_u32(argv[2], &seed) && !parse_u32(argv[3], &calls) &&
	    !parse_u32(argv[4], &place) && !parse_u32(argv[5], &oldest))
		return storm_of(seed, calls, place);
	if ((argc > 1 && parse_u32(argv[1], &seed)) || (argc > 2 && parse_u32(argv[2], &calls)) ||
	    (argc > 3 && parse_u32(argv[3], &n)) || !n || n > MAX_PROCESSES) {
		printf("usage: fuzz SEED CALLS [PROCESSES]\n");
		return -EINVAL;
	}
	return run(seed, calls, n);
}
