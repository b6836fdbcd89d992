/* What system calls and messages cost: `ipcbench WHAT` does it many times, and ends with
 * the TSC cycles of one as its status. Started by the kernel's command `bench ipc`. */
#include "lib/string.h"
#include "user/lib/ipc.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"

#define ROUNDS   1000u
#define PAGES    200u			/* touched one by one */
#define STARTS   20u
#define UNTOUCHED 0x20000000u		/* where nothing is mapped */
#define ENDED    1u
#define PONG     2u

/* Slots of what a child is given. */
#define SLOT_CALLS  HANDLE_SERVICE
#define SLOT_ANSWER HANDLE_INIT

static u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

/* A child of this very program that does `what`. Its process. */
static int child(const char *what, u32 endpoint, u32 answer, bool supervised)
{
	struct spawn s = {
		.program = "ipcbench", .args = what, .supervisor = endpoint,
		.ended_bits = ENDED,
		.gift = {
			{ SLOT_CALLS, answer ? endpoint : 0, RIGHTS_ALL },
			{ SLOT_ANSWER, answer, RIGHTS_ALL },
		},
	};

	if (!supervised)
		s.supervisor = 0;
	return spawn(&s);
}

/* -- one at a time ------------------------------------------------------------------ */

static u32 null_call(void)
{
	u64 start = rdtsc();

	for (u32 i = 0; i < ROUNDS; i++)
		(void)syscall(SYS_NULL, 0, 0, 0, 0);
	return (u32)(rdtsc() - start) / ROUNDS;
}

/* The child answers until its caller, the last, has gone. */
static int serve_calls(void)
{
	u32 ebx = SLOT_CALLS, w0 = 0, w1 = 0, w2 = 0;
	int got = syscall_words(SYS_RECEIVE, &ebx, &w0, &w1, &w2);

	while (got == GOT_CALL) {
		ebx = SLOT_CALLS;
		got = syscall_words(SYS_REPLY_RECEIVE, &ebx, &w0, &w1, &w2);
	}
	return 0;
}

/* Whoever is bound stays where it is, and the other has to be woken there, by an IPI. */
static int bind_to(u32 cpu) { return syscall(SYS_AFFINITY, 0, 1u << cpu, 0, 0); }

static int serve_calls_on_cpu_1(void) { return bind_to(1) ?: serve_calls(); }

static u32 calls(const char *server_does)
{
	int e = endpoint_create();
	int server = child(server_does, (u32)e, (u32)e, false);
	u32 ebx, w0 = 1, w1 = 2, w2 = 3;
	u64 start = 0;
	int err = 0;

	for (u32 i = 0; server > 0 && !err && i <= ROUNDS; i++) {
		ebx = (u32)e;
		err = syscall_words(SYS_CALL, &ebx, &w0, &w1, &w2);
		if (!i)			/* the first one waits for the server to start */
			start = rdtsc();
	}
	start = rdtsc() - start;
	process_end((u32)server, 0);
	return err || w0 != 1 || w1 != 2 || w2 != 3 ? 0 : (u32)start / ROUNDS;
}

static u32 calls_here(void)   { return calls("ipcbench serve"); }
static u32 calls_across(void) { return bind_to(0) ? 0 : calls("ipcbench serve-on-1"); }

static int echo_notifications(void)
{
	u32 ebx = SLOT_CALLS, w0 = 0, w1 = 0, w2 = 0;

	while (syscall_words(SYS_RECEIVE, &ebx, &w0, &w1, &w2) == GOT_NOTIFICATION) {
		(void)syscall(SYS_NOTIFY, SLOT_ANSWER, PONG, 0, 0);
		ebx = SLOT_CALLS;
	}
	return 0;
}

/* Each round is two notifications, each of which wakes a process that waits; with `alone`
 * only this one's counts, and not the switch to who was woken. */
static u32 notifications(bool alone)
{
	int ping = endpoint_create(), pong = endpoint_create();
	int other = child("ipcbench echo", (u32)ping, (u32)pong, false);
	u32 ebx, w0 = 0, w1 = 0, w2 = 0;
	u64 start = 0, sum = 0;

	for (u32 i = 0; other > 0 && i <= ROUNDS; i++) {
		u64 before = rdtsc();

		(void)syscall(SYS_NOTIFY, (u32)ping, 1, 0, 0);
		if (i)
			sum += rdtsc() - before;
		ebx = (u32)pong;
		(void)syscall_words(SYS_RECEIVE, &ebx, &w0, &w1, &w2);
		if (!i)
			start = rdtsc();
	}
	start = rdtsc() - start;
	process_end((u32)other, 0);
	return alone ? (u32)sum / ROUNDS : (u32)start / (2 * ROUNDS);
}

static u32 notify(void) { return notifications(true); }
static u32 round_trip(void) { return notifications(false); }

/* -- the supervisor's ---------------------------------------------------------------- */

static int touch_pages(void)
{
	for (u32 i = 0; i < PAGES; i++)
		*(volatile u8 *)(UNTOUCHED + i * 4096) = 1;
	return 0;
}

/* The child touches a page, the kernel calls, the page is mapped, the child goes on. */
static u32 faults(void)
{
	int e = endpoint_create();
	int memory = syscall(SYS_MEMORY, 0, PAGES, 0, 0);
	int toucher = child("ipcbench touch", (u32)e, 0, true);
	u64 start = 0, last = 0;
	u32 served = 0;

	while (memory > 0 && toucher > 0) {
		u32 ebx = (u32)e, w0 = FAULT_RETRY, w1 = 0, w2 = 0;
		int got = syscall_words(served ? SYS_REPLY_RECEIVE : SYS_RECEIVE, &ebx, &w0, &w1, &w2);

		if (got != GOT_CALL)
			break;
		last = rdtsc();
		if (!served)
			start = last;
		struct map_args a = { (u32)memory, w1 & ~4095u, served, 1, RIGHT_READ | RIGHT_WRITE };
		if (syscall(SYS_MAP, (u32)toucher, address(&a), 0, 0) < 0)
			break;
		served++;
	}
	return served == PAGES ? (u32)(last - start) / (PAGES - 1) : 0;
}

static u32 starts(void)
{
	int e = endpoint_create();
	u64 start = rdtsc();
	u32 n = 0;

	for (; n < STARTS; n++) {
		u32 ebx = (u32)e, w0 = 0, w1 = 0, w2 = 0;
		int p = child("ipcbench nothing", (u32)e, 0, true);

		if (p < 0 || syscall_words(SYS_RECEIVE, &ebx, &w0, &w1, &w2) != GOT_NOTIFICATION)
			return 0;
		handle_close((u32)p);
	}
	return (u32)(rdtsc() - start) / STARTS;
}

static int nothing(void) { return 0; }

PROGRAM_HELP("ipcbench WHAT", "what system calls and messages cost; run by `bench ipc`");

int main(int argc, char **argv)
{
	static const struct { const char *name; u32 (*measure)(void); int (*help)(void); } what[] = {
		{ "null", null_call, NULL }, { "call", calls_here, NULL },
		{ "call-across", calls_across, NULL }, { "notify", notify, NULL },
		{ "wake", round_trip, NULL },
		{ "fault", faults, NULL }, { "start", starts, NULL },
		{ "serve", NULL, serve_calls },
		{ "serve-on-1", NULL, serve_calls_on_cpu_1 }, { "echo", NULL, echo_notifications },
		{ "touch", NULL, touch_pages }, { "nothing", NULL, nothing },
	};

	for (u32 i = 0; argc > 1 && i < ARRAY_SIZE(what); i++) {
		if (streq(argv[1], what[i].name))
			return what[i].measure ? (int)what[i].measure() : what[i].help();
	}
	printf("ipcbench: started by the kernel's command `bench ipc`\n");
	return -EINVAL;
}
