/* That authority is a handle, and that nothing is left of what has ended: `rights TEST`, started by
 * the kernel's own tests (tests/kernel/test_rights.c), which compare a balance sheet afterwards. The
 * status is 0, or the line of what is not so. */
#include "lib/string.h"
#include "user/lib/info.h"
#include "user/lib/ipc.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"
#include "user/lib/time.h"

#define CHECK(cond) do { if (!(cond)) return __LINE__; } while (0)

#define ENDED 1u

static u32 here;			/* endpoint: hears of the children's ends, and is called by them */

static int child(const char *what)
{
	return spawn(&(struct spawn){
		.program = "rights", .args = what, .supervisor = here, .ended_bits = ENDED,
		.gift = { { HANDLE_KERNEL, HANDLE_KERNEL, RIGHTS_ALL },
		          { HANDLE_SERVICE, here, RIGHT_GIVE | RIGHT_CALL | RIGHT_NOTIFY } },
	});
}

static struct message got;
static u32 got_badge;

static int receive(u32 endpoint, u32 flags)
{
	got_badge = endpoint | flags;
	return syscall_words(SYS_RECEIVE, &got_badge, &got.w0, &got.w1, &got.w2);
}

/* Takes events until that process has ended. Its code. */
static int end_of(int process)
{
	struct process_status s = { .ended = 0 };

	while (!process_status((u32)process, &s) && !s.ended)
		(void)receive(here, 0);
	handle_close((u32)process);
	return s.code;
}

static u8 stacks[4][4096] aligned(16);

/* -- notifications ------------------------------------------------------------------------ */

static int test_masks(void)
{
	u32 low = (u32)handle_dup_masked(here, RIGHT_CALL | RIGHT_NOTIFY | RIGHT_GIVE, 5, 0xf0);
	u32 high = (u32)handle_dup_masked(here, RIGHT_NOTIFY | RIGHT_GIVE, 8, 0x100);
	u32 wider = (u32)handle_dup_masked(low, RIGHTS_ALL, 0, ~0u);

	CHECK(ipc_notify(low, 1) == -EPERM && ipc_notify(low, 0x11) == -EPERM && ipc_notify(high, 0x10) == -EPERM);
	CHECK(ipc_notify(wider, 1) == -EPERM);		/* a copy is never for more */
	CHECK(handle_dup(low, RIGHTS_ALL, 9) == -EPERM);	/* badges are the receiver's to give */
	CHECK(receive(here, MSG_NONBLOCK) == -EAGAIN);	/* nothing of it has arrived */
	CHECK(!ipc_notify(low, 0x10) && !ipc_notify(high, 0x100) && !ipc_notify(wider, 0x20));
	CHECK(receive(here, 0) == GOT_NOTIFICATION && got.w0 == 0x130 && got_badge == 13);
	CHECK(!ipc_notify(here, 1u << 31) && receive(here, 0) == GOT_NOTIFICATION && got_badge == 0);
	/* What the kernel raises in our name is bound to the mask, too. */
	CHECK(spawn(&(struct spawn){ .program = "spin", .args = "spin", .supervisor = low, .ended_bits = 1 }) == -EPERM);
	int irq = syscall(SYS_IRQ, HANDLE_KERNEL, 9, 0, 0);
	CHECK(irq > 0 && syscall(SYS_IRQ_BIND, (u32)irq, low, 1, 0) == -EPERM);
	CHECK(syscall(SYS_CONSOLE_BIND, HANDLE_KERNEL, low, 1, 0) == -EPERM);
	return 0;
}

/* Bits are there at each receive; the caller gets its turn all the same. */
static volatile int call_result = 1;

static volatile bool calls;

static void call_here(void *unused)
{
	struct message m = { 77, 0, 0, 0 };

	(void)unused;
	calls = true;
	call_result = ipc_call(here, 0, &m);
}

static int test_turns(void)
{
	int what = GOT_NOTIFICATION;

	CHECK(thread_start(call_here, NULL, stacks[0], sizeof(stacks[0])) > 0);
	while (!calls)
		(void)sleep_us(1000);
	for (u32 i = 0; i < 100000 && what != GOT_CALL; i++) {
		CHECK(!ipc_notify(here, 2));
		what = receive(here, 0);
		CHECK(what == GOT_NOTIFICATION || (what == GOT_CALL && got.w0 == 77));
		(void)syscall(SYS_YIELD, 0, 0, 0, 0);
	}
	CHECK(what == GOT_CALL && receive(here, MSG_NONBLOCK) == GOT_NOTIFICATION);
	return 0;
}

/* -- calls -------------------------------------------------------------------------------------- */

static volatile int results[2];

struct caller { u32 handle, word; };

static void calls_by(void *arg)
{
	const struct caller *c = arg;
	struct message m = { c->word, 0, 0, 0 };

	results[c->word] = 1;
	int err = ipc_call(c->handle, 0, &m);
	results[c->word] = err ? err : -(int)m.w0;
	(void)syscall(SYS_THREAD_EXIT, 0, 0, 0, 0);
}

/* A receive that did not wait has left nothing at the endpoint: the next call comes to the next receive. A
 * call comes with the badge of the handle that it came by. */
static int test_calls(void)
{
	u32 e = (u32)endpoint_create();
	struct caller caller[2] = { { (u32)handle_dup(e, RIGHT_CALL, 7), 0 }, { (u32)handle_dup(e, RIGHT_CALL, 9), 1 } };

	for (u32 i = 0; i < 2; i++) {
		CHECK(receive(e, MSG_NONBLOCK) == -EAGAIN);
		results[i] = 0;
		CHECK(thread_start(calls_by, &caller[i], stacks[i], sizeof(stacks[i])) > 0);
		while (!results[i])
			(void)sleep_us(1000);
		(void)sleep_us(2000);		/* it has called */
		CHECK(receive(e, 0) == GOT_CALL && got.w0 == i && got_badge == (i ? 9 : 7));
		CHECK(!syscall(SYS_REPLY, 0, 40 + i, 0, 0));
		while (results[i] == 1)
			(void)sleep_us(1000);
		CHECK(results[i] == -40 - (int)i);
	}
	return 0;
}

static u32 server_id;

static u32 prio_of(u32 id)
{
	struct info_task t;

	for (u32 i = 0; !info(INFO_TASK, i, &t, sizeof(t)); i++)
		if (t.id == id)
			return t.prio;
	return 0;
}

/* Tells at which priority it works, once; then ends in the middle of a call. */
static void serves(void *endpoint)
{
	(void)syscall(SYS_PRIORITY, 0, PRIORITY_LOW, 0, 0);
	(void)receive((u32)endpoint, 0);
	(void)syscall(SYS_REPLY, 0, prio_of(server_id), 0, 0);
	(void)receive((u32)endpoint, 0);
	(void)syscall(SYS_THREAD_EXIT, 0, 0, 0, 0);
}

/* A server works at its client's priority, and only for as long as that waits; the client of one that ends hears
 * of it, and so does a caller when there is no receiver any more. */
static int test_servers(void)
{
	u32 e = (u32)endpoint_create();
	struct caller late = { (u32)handle_dup(e, RIGHT_CALL, 7), 0 };
	struct message m = { 0, 0, 0, 0 };

	server_id = (u32)thread_start(serves, (void *)e, stacks[0], sizeof(stacks[0]));
	while (prio_of(server_id) != PRIORITY_LOW)
		(void)sleep_us(1000);
	CHECK(!ipc_call(e, 0, &m) && m.w0 == PRIORITY_NORMAL && prio_of(server_id) == PRIORITY_LOW);
	CHECK(ipc_call(e, 0, &m) == -EPIPE);
	results[0] = 0;
	CHECK(thread_start(calls_by, &late, stacks[1], sizeof(stacks[1])) > 0);
	while (!results[0])
		(void)sleep_us(1000);
	(void)sleep_us(2000);
	handle_close(e);
	for (u32 i = 0; i < 1000 && results[0] == 1; i++)
		(void)sleep_us(1000);
	return results[0] == -EPIPE ? 0 : __LINE__;
}

/* Set anew, it rings once, at the new time. */
static int test_alarm(void)
{
	u32 e = (u32)endpoint_create();

	CHECK(!ipc_alarm(e, 1, 2000) && !ipc_alarm(e, 2, 20000));
	(void)sleep_us(10000);
	CHECK(receive(e, MSG_NONBLOCK) == -EAGAIN);
	CHECK(receive(e, 0) == GOT_NOTIFICATION && got.w0 == 2);
	CHECK(!ipc_alarm(e, 4, 2000) && !ipc_alarm(e, 4, 0));	/* never mind */
	(void)sleep_us(10000);
	CHECK(receive(e, MSG_NONBLOCK) == -EAGAIN);
	return 0;
}

/* -- receivers ----------------------------------------------------------------------------- */

static int do_sit(void) noreturn;
static int do_sit(void)
{
	(void)ipc_notify(HANDLE_SERVICE, 4);
	for (;;)
		(void)sleep_us(1000000);
}

static int sitting_child(void)
{
	int process = child("rights sit");

	while (process > 0 && !(receive(here, 0) == GOT_NOTIFICATION && got.w0 & 4))
		;
	return process;
}

static void receive_gifts(void *endpoint)
{
	(void)receive((u32)endpoint, 0);
}

/* RECEIVE is born with a process and does not leave it. */
static int test_receive(void)
{
	u32 e = (u32)endpoint_create(), other = (u32)endpoint_create();
	struct message m = { 0, 0, e, 0 };

	CHECK(thread_start(receive_gifts, (void *)other, stacks[0], sizeof(stacks[0])) > 0);
	CHECK(ipc_call(other, MSG_GIVE, &m) == -EPERM);
	CHECK(syscall(SYS_PROCESS_GIVE, HANDLE_SELF, 0, e, RIGHTS_ALL) == -EPERM);
	int started = sitting_child();
	CHECK(started > 0 && syscall(SYS_PROCESS_GIVE, (u32)started, 0, e, RIGHTS_ALL) == -EPERM);
	CHECK(syscall(SYS_PROCESS_GIVE, (u32)started, 0, e, RIGHTS_ALL & ~RIGHT_RECEIVE) > 0);
	struct process_args a = { .name = address("spin"), .name_len = 4 };
	int born = syscall(SYS_PROCESS, HANDLE_KERNEL, address(&a), 0, 0);
	CHECK(born > 0 && syscall(SYS_PROCESS_GIVE, (u32)born, 0, e, RIGHTS_ALL) > 0);
	process_end((u32)born, 0);
	process_end((u32)started, 0);
	return end_of(started);
}

/* -- badges without a handle -------------------------------------------------------- */

static int do_hold(void)
{
	struct message m = { 1, 0, 0, 0 };

	CHECK(!ipc_call(HANDLE_SERVICE, 0, &m) && m.gift);
	return do_sit();
}

static int test_watch(void)
{
	u32 e = (u32)endpoint_create();
	int first = handle_watch(e, RIGHT_CALL | RIGHT_GIVE, 7), copy = handle_dup((u32)first, RIGHTS_ALL, 0);

	CHECK(first > 0 && copy > 0 && handle_watch(e, RIGHT_CALL, 0) == -EINVAL);
	CHECK(handle_watch((u32)first, RIGHT_CALL, 9) == -EPERM);
	handle_close((u32)first);
	CHECK(receive(e, MSG_NONBLOCK) == -EAGAIN);
	handle_close((u32)copy);
	CHECK(receive(e, MSG_NONBLOCK) == GOT_CLOSED && got_badge == 7);
	/* Given to a child, in an answer; it ends with that one. */
	int holder = child("rights hold");
	CHECK(holder > 0);
	while (receive(here, 0) != GOT_CALL)
		;
	int given = handle_watch(e, RIGHT_CALL | RIGHT_GIVE, 8);
	CHECK(given > 0 && !syscall(SYS_REPLY, MSG_GIVE, 0, 0, (u32)given));
	handle_close((u32)given);
	while (!(receive(here, 0) == GOT_NOTIFICATION && got.w0 & 4))
		;
	CHECK(receive(e, MSG_NONBLOCK) == -EAGAIN);
	process_end((u32)holder, 0);
	CHECK(receive(e, 0) == GOT_CLOSED && got_badge == 8);
	/* Bits take turns with closed badges, of which clients can make as many as they like. */
	for (u32 i = 0; i < 3; i++)
		handle_close((u32)handle_watch(e, RIGHT_CALL, 20 + i));
	CHECK(receive(e, 0) == GOT_CLOSED && !ipc_notify(e, 1) && receive(e, 0) == GOT_NOTIFICATION && got.w0 == 1);
	CHECK(!ipc_notify(e, 2) && receive(e, 0) == GOT_CLOSED && receive(e, 0) == GOT_NOTIFICATION && got.w0 == 2);
	CHECK(receive(e, 0) == GOT_CLOSED && got_badge == 22 && receive(e, MSG_NONBLOCK) == -EAGAIN);
	/* A watch without a receiver is no leak: the balance sheet says so. */
	CHECK(handle_watch(e, RIGHT_CALL, 9) > 0);
	handle_close((u32)handle_watch(e, RIGHT_CALL, 10));
	handle_close(e);
	return end_of(holder);
}

/* -- a caller that is ended while it is kept -------------------------------------------------- */

static int do_ask(void)
{
	struct message m = { 1, 0, 0, 0 };

	return ipc_call(HANDLE_SERVICE, 0, &m);
}

static int test_gone(void)
{
	int client = child("rights ask");

	CHECK(client > 0);
	while (receive(here, 0) != GOT_CALL)
		;
	u32 e = (u32)endpoint_create();
	int kept = ipc_keep_watched(e, 16);
	CHECK(kept > 0 && ipc_is_waiting((u32)kept) && receive(e, MSG_NONBLOCK) == -EAGAIN);
	process_end((u32)client, 3);
	CHECK(receive(e, 0) == GOT_NOTIFICATION && got.w0 == 16 && !ipc_is_waiting((u32)kept));
	ipc_answer((u32)kept, 0, 0, 0, 0);
	return end_of(client) == 3 ? 0 : __LINE__;
}

/* -- a number that became another handle's ------------------------------------------------------ */

/*	answers by handle 9			other thread
 *	ipc_lock: the caller goes on; 9 closed
 *						makes a handle: 9
 *	returns: 9 is not its own any more
 */
static volatile u32 kept_handle;
static volatile int answer_result = 1;

static void answer_kept(void *unused)
{
	(void)unused;
	answer_result = syscall(SYS_REPLY, kept_handle, 0, 0, 0);
}

static int lab(const char *command)
{
	return syscall(SYS_COMMAND, HANDLE_KERNEL, address(command), strlen(command), 0);
}

static int test_close(void)
{
	int client = child("rights ask");

	CHECK(client > 0);
	while (receive(here, 0) != GOT_CALL)
		;
	kept_handle = (u32)ipc_keep();
	CHECK(!lab("sync hold ipc:answered"));
	CHECK(thread_start(answer_kept, NULL, stacks[0], sizeof(stacks[0])) > 0);
	CHECK(!lab("sync wait ipc:answered"));
	handle_close(kept_handle);		/* for a kernel that has not done it yet */
	int mine = endpoint_create();
	CHECK(mine == (int)kept_handle);
	CHECK(!lab("sync release ipc:answered"));
	while (answer_result > 0)
		(void)syscall(SYS_YIELD, 0, 0, 0, 0);
	CHECK(!answer_result && !ipc_notify((u32)mine, 1));	/* it is still there */
	for (u32 i = 0; i < 2 * MAX_HANDLES; i++) {		/* the slot behind the last one is used again */
		int copy = handle_dup((u32)mine, RIGHTS_ALL, 0);
		CHECK(copy > 0);
		handle_close((u32)mine);
		mine = copy;
	}
	return end_of(client);
}

/* -- a caller that is ended while it is served ---------------------------------------------- */

static u32 priority_of(int task)
{
	struct info_task t;

	for (u32 i = 0; !info(INFO_TASK, i, &t, sizeof(t)); i++)
		if (t.id == (u32)task)
			return t.prio;
	return 0;
}

static volatile bool served;

static void compute(void *endpoint)
{
	(void)syscall(SYS_PRIORITY, 0, 4, 0, 0);
	if (receive((u32)endpoint, 0) == GOT_CALL)
		served = true;
	for (;;)
		(void)syscall(SYS_YIELD, 0, 0, 0, 0);
}

/* A server that does not answer does not keep what a client lent that has ended. */
static int test_lent(void)
{
	u32 e = (u32)endpoint_create();
	int server = thread_start(compute, (void *)e, stacks[0], sizeof(stacks[0])), client;

	CHECK(server > 0);
	client = spawn(&(struct spawn){
		.program = "rights", .args = "rights ask", .supervisor = here, .ended_bits = ENDED,
		.gift = { { HANDLE_SERVICE, e, RIGHT_GIVE | RIGHT_CALL } },
	});
	CHECK(client > 0);
	while (!served)
		(void)sleep_us(1000);
	CHECK(priority_of(server) > 4);
	process_end((u32)client, 0);
	CHECK(!end_of(client) && priority_of(server) == 4);
	return 0;
}

/* -- flags ------------------------------------------------------------------------------------- */

static int test_flags(void)
{
	int m = syscall(SYS_MEMORY, 0, 1, 0, 0);
	struct map_args a = { (u32)m, 0, 0, 1, RIGHT_READ | RIGHT_CONTROL };

	for (u32 nr = SYS_NULL + 1; nr < NR_SYSCALLS; nr++)
		CHECK(syscall((enum syscall)nr, HANDLE_SELF | 1u << 31, 0, 0, 0) == -EINVAL);
	CHECK(syscall(SYS_CALL, here | MSG_NONBLOCK, 0, 0, 0) == -EINVAL);
	CHECK(syscall(SYS_RECEIVE, here | MSG_GIVE, 0, 0, 0) == -EINVAL);
	CHECK(syscall(SYS_REPLY, MSG_GRANT_READ, 0, 0, 0) == -EINVAL);
	CHECK(syscall(SYS_CLOSE, (u32)m | MSG_GIVE, 0, 0, 0) == -EINVAL);
	CHECK(syscall(SYS_MAP, 0, address(&a), 0, 0) == -EINVAL);
	return 0;
}

/* -- processes --------------------------------------------------------------------------------- */

static int test_twice(void)
{
	struct process_args a = { .name = address("spin"), .name_len = 4 };
	int p = syscall(SYS_PROCESS, HANDLE_KERNEL, address(&a), 0, 0);
	int q = syscall(SYS_PROCESS, HANDLE_KERNEL, address(&a), 0, 0);

	CHECK(p > 0 && q > 0);
	CHECK(syscall(SYS_PROCESS_START, (u32)p, 0, 0, 0) == 0);
	CHECK(syscall(SYS_PROCESS_START, (u32)p, 0, 0, 0) == -EBUSY);
	CHECK(syscall(SYS_PROCESS_GIVE, (u32)q, HANDLE_SELF, (u32)handle_dup(here, RIGHT_CALL | RIGHT_GIVE, 0), RIGHTS_ALL)
	      == -EEXIST);
	CHECK(syscall(SYS_PROCESS_START, (u32)q, 0, 0, 0) == 0);
	return 0;			/* both end with us */
}

/* Two generations that wait for ever, for each other and for a call that never comes. */
static int do_parent(void)
{
	(void)!child("rights sit");
	(void)!spawn(&(struct spawn){ .program = "rights", .args = "rights parent-again",
	             .gift = { { HANDLE_KERNEL, HANDLE_KERNEL, RIGHTS_ALL }, { HANDLE_SERVICE, here, RIGHTS_ALL } } });
	return do_sit();
}

static int do_parent_again(void)
{
	struct message m = { 1, 0, 0, 0 };

	(void)!child("rights sit");
	return ipc_call(HANDLE_SERVICE, 0, &m);	/* its own parent, which does not answer */
}

static int test_family(void)
{
	int parent = child("rights parent");

	CHECK(parent > 0);
	while (!(receive(here, 0) == GOT_NOTIFICATION && got.w0 & 4))
		;
	process_end((u32)parent, 5);
	return end_of(parent) == 5 ? 0 : __LINE__;
}

static int test_task_end(void)
{
	int process = sitting_child();
	struct process_status s;

	CHECK(process > 0 && !process_status((u32)process, &s));
	CHECK(syscall(SYS_TASK_END, HANDLE_KERNEL, 0x7fffffff, 0, 0) == -ESRCH);
	CHECK(syscall(SYS_TASK_END, HANDLE_KERNEL, s.id, 0, 0) == 0);
	return end_of(process) == -EINTR ? 0 : __LINE__;
}

/* As many kernel stacks as the cache has room for, and as many again. */
#define CROWD 60u

static void sleeps(void *unused)
{
	(void)unused;
	(void)do_sit();
}

static int do_crowd(void)
{
	static u8 small[CROWD][512] aligned(16);

	for (u32 i = 0; i < CROWD; i++)
		CHECK(thread_start(sleeps, NULL, small[i], sizeof(small[i])) > 0);
	return do_sit();
}

static int test_stacks(void)
{
	int crowd[5];

	for (u32 i = 0; i < ARRAY_SIZE(crowd); i++)
		CHECK((crowd[i] = child("rights crowd")) > 0);
	for (u32 i = 0; i < ARRAY_SIZE(crowd); i++) {
		struct process_status s = { .threads = 0 };
		while (s.threads <= CROWD)
			CHECK(!process_status((u32)crowd[i], &s) && !s.ended && !sleep_us(1000));
	}
	for (u32 i = 0; i < ARRAY_SIZE(crowd); i++) {
		process_end((u32)crowd[i], 0);
		CHECK(!end_of(crowd[i]));
	}
	return 0;
}

/* -- memory ------------------------------------------------------------------------------------- */

static int map(u32 memory, u32 at, u32 pages, u32 rights)
{
	struct map_args a = { memory, at, 0, pages, rights };

	return syscall(SYS_MAP, 0, address(&a), 0, 0);
}

/* Not writable here and executable there, in any order, until the other one has gone. */
static int test_wx(void)
{
	int m = syscall(SYS_MEMORY, 0, 1, 0, 0);

	CHECK(map((u32)m, 0x50000000, 1, RIGHT_READ | RIGHT_WRITE) == 0x50000000);
	CHECK(map((u32)m, 0x51000000, 1, RIGHT_READ | RIGHT_EXECUTE) == -EBUSY);
	CHECK(map((u32)m, 0x52000000, 1, RIGHT_READ) == 0x52000000);
	*(volatile u8 *)0x50000000 = 0xc3;	/* ret */
	CHECK(!syscall(SYS_UNMAP, 0, 0x50000000, 1, 0));
	CHECK(map((u32)m, 0x51000000, 1, RIGHT_READ | RIGHT_EXECUTE) == 0x51000000);
	((void (*)(void))0x51000000)();
	CHECK(map((u32)m, 0x50000000, 1, RIGHT_READ | RIGHT_WRITE) == -EBUSY);
	CHECK(map((u32)m, 0, 2, RIGHT_READ | RIGHT_WRITE) == -EINVAL);
	return 0;
}

#define PAGES    1024u			/* 4 MiB, mapped again and again */
#define WINDOW   (PAGES * 4096u)
#define WINDOWS  500u
#define FROM     0x10000000u

static void grant_all(void *unused)
{
	struct message m = { 1, FROM, WINDOWS * WINDOW, 0 };

	(void)unused;
	(void)!ipc_call(here, MSG_GRANT_READ | MSG_GRANT_WRITE, &m);
}

/* Tells how long a copy of WINDOWS / 20 takes, and begins with all of them. */
static int do_copy(void)
{
	int m = syscall(SYS_MEMORY, 0, PAGES, 0, 0);

	for (u32 i = 0; i < WINDOWS; i++)
		CHECK(map((u32)m, FROM + i * WINDOW, PAGES, RIGHT_READ | RIGHT_WRITE) == (int)(FROM + i * WINDOW));
	CHECK(thread_start(grant_all, NULL, stacks[0], sizeof(stacks[0])) > 0 && receive(here, 0) == GOT_CALL);
	u64 t = clock_ns();
	CHECK(syscall(SYS_COPY, 0, 0, FROM, WINDOWS / 20 * WINDOW) == WINDOWS / 20 * WINDOW);
	(void)!ipc_ask(HANDLE_SERVICE, (u32)((clock_ns() - t) >> 10), 0, 0);
	return syscall(SYS_COPY, 0, 0, FROM, WINDOWS * WINDOW) == -EINTR;
}

/* How long its end took, and a 20th of its copy, in us. 0, or a line. */
static int end_in_copy(u32 *end_us, u32 *piece_us)
{
	int process = child("rights copy");

	CHECK(process > 0);
	while (receive(here, 0) != GOT_CALL) {
		struct process_status s;
		CHECK(!process_status((u32)process, &s) && !s.ended);
	}
	*piece_us = got.w0;
	CHECK(!syscall(SYS_REPLY, 0, 0, 0, 0) && !sleep_us(1000));
	u64 t = clock_ns();
	process_end((u32)process, 6);
	CHECK(end_of(process) == 6);
	*end_us = (u32)((clock_ns() - t) >> 10);
	return 0;
}

/* It does not wait for the whole copy, not even for a half. The host may stop a CPU for as long once, but
 * hardly each time. */
static int test_copy(void)
{
	u32 end_us = 0, piece_us = 0;

	for (u32 i = 0; i < 3; i++) {
		int line = end_in_copy(&end_us, &piece_us);
		if (line || end_us <= 10 * piece_us)
			return line;
	}
	printf("rights: ended after %u us, and 1/20 of its copy takes %u\n", end_us, piece_us);
	return __LINE__;
}

PROGRAM_HELP("rights TEST", "that authority is a handle, and that an end leaves nothing; run by the in-kernel tests");

int main(int argc, char **argv)
{
	static const struct { const char *name; int (*fn)(void); } what[] = {
		{ "masks", test_masks }, { "turns", test_turns }, { "receive", test_receive }, { "watch", test_watch },
		{ "calls", test_calls }, { "alarm", test_alarm }, { "servers", test_servers },
		{ "gone", test_gone }, { "lent", test_lent }, { "close", test_close }, { "flags", test_flags }, { "twice", test_twice },
		{ "family", test_family }, { "task-end", test_task_end }, { "stacks", test_stacks }, { "wx", test_wx },
		{ "copied", test_copy }, { "sit", do_sit }, { "hold", do_hold }, { "ask", do_ask }, { "parent", do_parent },
		{ "parent-again", do_parent_again }, { "crowd", do_crowd }, { "copy", do_copy },
	};

	for (u32 i = 0; argc > 1 && i < ARRAY_SIZE(what); i++) {
		if (!streq(argv[1], what[i].name))
			continue;
		here = (u32)endpoint_create();
		return what[i].fn();
	}
	printf("rights: started by the kernel's command `test`\n");
	return -EINVAL;
}
