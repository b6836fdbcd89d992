/* Makes the system calls that it is given, for the fuzzer on the host (tests/fuzz/calls), which sees what
 * of the kernel they run and makes up the next ones from that. It is the first process there
 * (the kernel's option init=calls), and has each sequence made by
 * a process of its own, whose end takes back what it left.
 *
 * A sequence is one line; '|' separates threads, ';' steps, blanks words:
 *
 *	c DST NR EBX W0 W1 W2	system call NR; its result is kept as DST
 *	w OFFSET VALUE		a word into the room that structures lie in
 *	p ADDRESS, g ADDRESS	puts a byte there, gets one
 *	l N			this thread starts its steps N times, and not again
 *
 * Numbers are hexadecimal. A value is a number, rK (what was kept as K, by any thread), rK.FLAGS, bOFFSET (an
 * address in the room) or s (the address of a thread's first step, which is code).
 * Every name of names[] lies in the room, 32 bytes each, from NAMES on.
 *
 * A line "!" asks for balance: everything that sequences may have left in the kernel goes, and it says on the
 * console what is in use.
 *
 * Lines come through memory, which the host shares (an emulator's memory may be a file): POST_PAGES pages, each
 * with a mark by which it is found, its number, and a part of struct post. The host writes lines and then
 * their count, this end each line's status and at last the count again, and meanwhile how far it is. */
#include "lib/errno.h"
#include "lib/string.h"
#include "user/lib/ipc.h"
#include "user/lib/malloc.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"

#define TEXT_PAGES  2u
#define TEXT_BYTES  (TEXT_PAGES * 4096u)
#define POST_PAGES  16u
#define POST_MARK   "sequences"		/* in front of it the program puts 'Q', so that no file has it whole */
#define POLL_US     200u
#define HANDLE_TEXT HANDLE_FIRST_FREE	/* memory: the line, as the child finds it */
#define MAX_THREADS 4u
#define NR_RESULTS  64u
#define NAMES       4096u		/* in the room */
#define PATIENCE_US 20000u		/* for a sequence; then its process is ended */
#define WORDS       8u			/* of a step */

enum { ENDED = 1, LATE = 2 };

static const char names[][16] = {
	"null", "zero", "rtc", "uart", "pcspkr", "ps2kbd", "average", "mathlib", "hello", "calls", "calls child", "x", "",
};

/* -- one sequence, in a process of its own ----------------------------------------------------- */

static u8 room[8192] aligned(4096);
static u8 stack[MAX_THREADS][4096] aligned(16);
static u32 result[NR_RESULTS];		/* of all threads: what one closes the other may use */
static const char *section[MAX_THREADS];
static u32 running;

static u32 hex(const char **s)
{
	u32 value = 0;

	for (;; (*s)++) {
		if (**s >= '0' && **s <= '9')
			value = value << 4 | (u32)(**s - '0');
		else if (**s >= 'a' && **s <= 'f')
			value = value << 4 | (u32)(**s - 'a' + 10);
		else
			return value;
	}
}

static void run_section(const char *s);

static u32 value_of(const char *s)
{
	u32 value;

	switch (*s) {
	case 'r':
		s++;
		value = __atomic_load_n(&result[hex(&s) % NR_RESULTS], __ATOMIC_RELAXED);
		return *s == '.' ? (value & HANDLE_MASK) | (s++, hex(&s)) : value;
	case 'b':
		s++;
		return (u32)room + hex(&s) % sizeof(room);
	case 's':
		return (u32)run_section;
	default:
		return hex(&s);
	}
}

/* The words of a step, which ends at ';', '|' or the line's end. Returns that place. */
static const char *split_step(const char *s, char word[WORDS][16], u32 *n)
{
	*n = 0;
	while (*s && *s != ';' && *s != '|') {
		u32 len = 0;

		for (; *s == ' '; s++)
			;
		for (; *s && *s != ' ' && *s != ';' && *s != '|'; s++)
			if (len < 15 && *n < WORDS)
				word[*n][len++] = *s;
		if (len)
			word[(*n)++][len] = '\0';
	}
	return s;
}

static void run_step(char word[WORDS][16], u32 n)
{
	if (word[0][0] == 'c' && n == 7) {
		const char *dst = word[1];
		u32 ebx = value_of(word[3]), w0 = value_of(word[4]), w1 = value_of(word[5]), w2 = value_of(word[6]);
		int got = syscall_words(value_of(word[2]), &ebx, &w0, &w1, &w2);

		__atomic_store_n(&result[hex(&dst) % NR_RESULTS], (u32)got, __ATOMIC_RELAXED);
	} else if (word[0][0] == 'w' && n == 3) {
		u32 offset = value_of(word[1]), value = value_of(word[2]);

		memcpy(room + offset % (sizeof(room) - 4), &value, sizeof(value));
	} else if (word[0][0] == 'p' && n == 2) {
		*(volatile u8 *)value_of(word[1]) = 1;
	} else if (word[0][0] == 'g' && n == 2) {
		(void)*(volatile u8 *)value_of(word[1]);
	}
}

static void run_section(const char *s)
{
	char word[WORDS][16];
	u32 left = 1, n;

	for (const char *at = s; left; left--, at = s)
		while (*at && *at != '|') {
			at = split_step(at, word, &n);
			if (n == 2 && word[0][0] == 'l' && at == s + strlen("l ") + strlen(word[1]))
				left = left == 1 ? value_of(word[1]) % 64 + 1 : left;
			else if (n)
				run_step(word, n);
			at += *at == ';';
		}
}

static void thread(void *arg)
{
	run_section(section[(u32)arg]);
	__atomic_sub_fetch(&running, 1, __ATOMIC_RELAXED);
}

/* The line is mapped read-only. The first thread ends the process, in which others may still wait. */
static int child(void)
{
	struct map_args map = { .memory = HANDLE_TEXT, .pages = TEXT_PAGES, .rights = RIGHT_READ };
	const char *line = (const char *)syscall(SYS_MAP, 0, address(&map), 0, 0);
	u32 n = 0;

	if (IS_ERR(line))
		return -ENOMEM;
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		memcpy(room + NAMES + i * 32, names[i], sizeof(names[i]));
	(void)!syscall(SYS_CLOSE, HANDLE_TEXT, 0, 0, 0);
	section[n++] = line;
	for (const char *s = line; *s && n < MAX_THREADS; s++)
		if (*s == '|')
			section[n++] = s + 1;
	running = n;
	for (u32 i = 1; i < n; i++)
		if (thread_start(thread, (void *)i, stack[i], sizeof(stack[i])) < 0)
			__atomic_sub_fetch(&running, 1, __ATOMIC_RELAXED);
	thread((void *)0);
	for (u32 i = 0; i < 100 && __atomic_load_n(&running, __ATOMIC_RELAXED); i++)
		(void)!syscall(SYS_YIELD, 0, 0, 0, 0);
	return 0;
}

/* -- the first process ---------------------------------------------------------------------- */

static char *line;			/* TEXT_BYTES, shared with the child */
static u32 memory, endpoint;		/* handles */

/* A page of the post. Page 0 holds the counts and statuses, the others text: lines, each with its NUL. */
struct post {
	char mark[12];
	u32  page;
	union {
		struct { volatile u32 posted, at, done; volatile s32 status[256]; };
		char text[4080];
	};
};

static struct post *post;		/* POST_PAGES */

/* All but what would end the run: the machine's power, commands, ports. */
#define AUTHORITY (RIGHT_GIVE | AUTH_DEVICES | AUTH_IRQ | AUTH_PHYS | AUTH_PROCESS | AUTH_INFO | AUTH_MODULES)

/* Lets it run to its end, and answers what it asks meanwhile. */
static int wait_for_end(u32 process)
{
	struct process_status s = { 0 };
	bool late = false;

	(void)!ipc_alarm(endpoint, LATE, PATIENCE_US);
	while (process_status(process, &s) == 0 && !s.ended) {
		u32 ebx = endpoint, w0 = FAULT_END, w1 = 0, w2 = 0;
		int got = syscall_words(SYS_REPLY_RECEIVE, &ebx, &w0, &w1, &w2);

		if (got == GOT_GIFT)
			handle_close(w2);
		if (got == GOT_NOTIFICATION && (w0 & LATE)) {
			late = true;
			process_end(process, -ETIMEDOUT);
		}
	}
	(void)!ipc_alarm(endpoint, 0, 0);
	return late ? -ETIMEDOUT : s.code;
}

static int run_line(void)
{
	int process = spawn(&(struct spawn){
		.program = "calls", .args = "calls child", .ended_bits = ENDED, .supervisor = endpoint,
		.gift = { { HANDLE_KERNEL, HANDLE_KERNEL, AUTHORITY },
		          { HANDLE_SERVICE, endpoint, RIGHT_CALL | RIGHT_NOTIFY | RIGHT_GIVE },
		          { HANDLE_TEXT, memory, RIGHT_READ | RIGHT_GIVE } },
	});
	int code;

	if (process < 0)
		return process;
	code = wait_for_end((u32)process);
	handle_close((u32)process);
	return code;
}

static void unload(const char *name)
{
	struct module_args args = { .name = address(name), .name_len = (u32)strlen(name), .flags = MODULE_REVOKE | MODULE_DEPS };

	(void)!syscall(SYS_MODULE_UNLOAD, HANDLE_KERNEL, address(&args), 0, 0);
}

static int command(const char *text)
{
	return syscall(SYS_COMMAND, HANDLE_KERNEL, address(text), (u32)strlen(text), 0);
}

static int balance(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		unload(names[i]);
	(void)!command("graveyard -c");		/* the stories of modules that are gone are memory, too */
	return command("mem -j");
}

/* The next line of the post, from byte *at of all its text on. */
static void take_line(u32 *at)
{
	u32 len = 0;
	char c;

	do {
		u32 page = 1 + *at / sizeof(post->text);

		c = page < POST_PAGES ? post[page].text[*at % sizeof(post->text)] : '\0';
		line[len] = c;
		(*at)++;
	} while (c && ++len < TEXT_BYTES - 1);
	line[len] = '\0';
}

static void do_post(void)
{
	u32 n = MIN(post->posted, ARRAY_SIZE(post->status)), at = 0;

	for (u32 i = 0; i < n; i++) {
		post->at = i;
		take_line(&at);
		post->status[i] = line[0] == '!' ? balance() : run_line();
	}
	post->posted = 0;
	__asm__ volatile("" ::: "memory");
	post->done = n;
}

static void *shared_pages(u32 pages, u32 *handle)
{
	int m = syscall(SYS_MEMORY, 0, pages, 0, 0);
	struct map_args map = { .memory = (u32)m, .pages = pages, .rights = RIGHT_READ | RIGHT_WRITE };

	*handle = (u32)m;
	return m < 0 ? ERR_PTR(m) : (void *)syscall(SYS_MAP, 0, address(&map), 0, 0);
}

static int prepare(void)
{
	int e = endpoint_create();
	u32 unused;

	line = shared_pages(TEXT_PAGES, &memory);
	post = shared_pages(POST_PAGES, &unused);
	if (e < 0 || IS_ERR(line) || IS_ERR(post))
		return -ENOMEM;
	endpoint = (u32)e;
	for (u32 i = 0; i < POST_PAGES; i++) {
		post[i].page = i;
		memcpy(post[i].mark + 1, POST_MARK, sizeof(POST_MARK));
		post[i].mark[0] = 'Q';
	}
	return 0;
}

PROGRAM_HELP("", "init of the fuzzer of system calls (tests/fuzz/calls)");

int main(int argc, char **argv)
{
	int err;

	if (argc > 1 && streq(argv[1], "child"))
		return child();
	err = prepare();
	if (err)
		return err;
	printf("calls: ready\n");
	for (;;) {
		while (!post->posted)
			(void)!syscall(SYS_SLEEP, 0, POLL_US, 0, 0);
		do_post();
	}
}
