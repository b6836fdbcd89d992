/* What messages promise while others meddle: `meddle TEST`, started by the kernel's own
 * tests (tests/kernel/test_user.c). The status is 0, or the line of what is not so. */
#include "lib/string.h"
#include "user/lib/device.h"
#include "user/lib/ipc.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/service.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"
#include "user/lib/time.h"

#define CHECK(cond) do { if (!(cond)) return __LINE__; } while (0)

#define SLOT_NEXT HANDLE_CONTROL	/* the endpoint of the next one in a chain */
#define READY     1u
#define ENDED     2u

static int bind_to_cpu_0(void) { return syscall(SYS_AFFINITY, 0, 1, 0, 0); }

static u32 here;			/* hears of the children's ends */

/* A child of this program that does `what`. It receives at `receive` and calls `next`. */
static int child(const char *what, u32 priority, u32 receive, u32 next)
{
	return spawn(&(struct spawn){
		.program = "meddle", .args = what, .priority = priority,
		.supervisor = here, .ended_bits = ENDED,
		.gift = { { HANDLE_SERVICE, receive, RIGHTS_ALL }, { SLOT_NEXT, next, RIGHTS_ALL } },
	});
}

/* -- who waits lends its priority ------------------------------------------------------ */

/*	caller, 16	caller, 4	middle, 4	last, 4		spinner, 8
 *			calls middle
 *					calls last
 *							has work to do
 *									wants the CPU
 *	calls middle,
 *	which waits itself
 *							has to run first
 *
 * all on CPU 0: with their own priorities only, nobody answers before the spinner ends. */
#define PRIO_SERVERS 4u
#define PRIO_SPINNER 8u
#define SPINS        400000000u		/* a second or more: never to be waited for */
#define WORK         10000000u
#define HARD         1000u		/* what takes work */

static void spin(u32 times)
{
	for (volatile u32 i = 0; i < times; i++)
		;
}

static int do_last(void)
{
	struct message m = { 0, 0, 0, 0 };
	u32 ebx = HANDLE_SERVICE;

	CHECK(!bind_to_cpu_0());
	int got = syscall_words(SYS_RECEIVE, &ebx, &m.w0, &m.w1, &m.w2);
	while (got == GOT_CALL || got == GOT_NOTIFICATION) {
		if (got == GOT_CALL && m.w0 == HARD)
			CHECK(!ipc_notify(SLOT_NEXT, READY));
		if (got == GOT_NOTIFICATION || m.w0 == HARD)
			spin(WORK);
		ebx = HANDLE_SERVICE;
		m.w0++;
		got = syscall_words(got == GOT_CALL ? SYS_REPLY_RECEIVE : SYS_RECEIVE, &ebx, &m.w0, &m.w1, &m.w2);
	}
	return 0;
}

static int do_middle(void)
{
	struct message m = { 0, 0, 0, 0 };
	u32 ebx = HANDLE_SERVICE;

	CHECK(!bind_to_cpu_0());
	int got = syscall_words(SYS_RECEIVE, &ebx, &m.w0, &m.w1, &m.w2);
	while (got == GOT_CALL) {
		CHECK(!ipc_call(SLOT_NEXT, 0, &m));
		ebx = HANDLE_SERVICE;
		got = syscall_words(SYS_REPLY_RECEIVE, &ebx, &m.w0, &m.w1, &m.w2);
	}
	return 0;
}

static int do_call(void)
{
	struct message m = { HARD, 0, 0, 0 };

	CHECK(!bind_to_cpu_0());
	CHECK(!ipc_call(SLOT_NEXT, 0, &m) && m.w0 == HARD + 1);
	return 0;
}

static int do_spin(void)
{
	CHECK(!bind_to_cpu_0());
	CHECK(!ipc_notify(SLOT_NEXT, READY));
	spin(SPINS);
	return 0;
}

/* Looks every ms: where an emulator lets the CPUs take turns when a timer is due, a child on another
 * CPU would otherwise wait until the one that spins on this CPU has done its work. */
static bool others_are_ready(void)
{
	struct message m = { 0, 0, 0, 0 };
	u32 ebx;
	int got;

	do {
		(void)sleep_us(1000);
		ebx = here | MSG_NONBLOCK;
		got = syscall_words(SYS_RECEIVE, &ebx, &m.w0, &m.w1, &m.w2);
	} while (got == -EAGAIN);
	return got == GOT_NOTIFICATION && m.w0 == READY;
}

static int test_priority(void)
{
	u32 to_middle = (u32)endpoint_create(), to_last = (u32)endpoint_create();
	struct message m = { 1, 0, 0, 0 };
	struct process_status s;

	CHECK(!bind_to_cpu_0());
	int last = child("meddle last", PRIO_SERVERS, to_last, here);
	int middle = child("meddle middle", PRIO_SERVERS, to_middle, to_last);
	CHECK(last > 0 && middle > 0);
	CHECK(!ipc_call(to_middle, 0, &m) && m.w0 == 2);	/* from now on both receive */
	CHECK(child("meddle call", PRIO_SERVERS, 0, to_middle) > 0 && others_are_ready());
	int spinner = child("meddle spin", PRIO_SPINNER, 0, here);
	CHECK(spinner > 0 && others_are_ready());
	for (u32 i = 0; i < 100; i++) {		/* the first one finds all of them waiting */
		m.w0 = i;
		CHECK(!ipc_call(to_middle, 0, &m) && m.w0 == i + 1);
	}
	CHECK(!process_status((u32)spinner, &s) && !s.ended);
	process_end((u32)spinner, 0);
	process_end((u32)middle, 0);
	process_end((u32)last, 0);
	return 0;
}

/*	this one, 16	caller, 4	last, 4			spinner, 8
 *			calls last
 *					has work to do
 *								wants the CPU
 *	notifies last,
 *	calls it
 *					answers the caller; then there is
 *					the notification to work on
 *	waits still			has to go on at 16
 */
static int test_notified(void)
{
	u32 to_last = (u32)endpoint_create();
	struct message m = { 1, 0, 0, 0 };
	struct process_status s;

	CHECK(!bind_to_cpu_0());
	int last = child("meddle last", PRIO_SERVERS, to_last, here);
	CHECK(last > 0 && !ipc_call(to_last, 0, &m) && m.w0 == 2);
	CHECK(child("meddle call", PRIO_SERVERS, 0, to_last) > 0 && others_are_ready());
	int spinner = child("meddle spin", PRIO_SPINNER, 0, here);
	CHECK(spinner > 0 && others_are_ready());
	CHECK(!ipc_notify(to_last, READY));
	m.w0 = 5;
	CHECK(!ipc_call(to_last, 0, &m) && m.w0 == 6);
	CHECK(!process_status((u32)spinner, &s) && !s.ended);
	process_end((u32)spinner, 0);
	process_end((u32)last, 0);
	return 0;
}

/* -- a grant that is pulled away -------------------------------------------------------- */

/*	client				its other thread	server
 *	grants 8 pages, calls
 *					unmaps them		copies
 *					maps them		copies
 *								ends the client
 *								copies
 *
 * Each copy moves what was granted, or says that it was not there. */
#define AT    0x20000000u
#define PAGES 8u
#define SIZE  (PAGES * 4096u)
#define FILL  0x5a

static u32 memory;
static u8 stack[4096];
static u8 copied[SIZE];

static bool map_all(void)
{
	struct map_args a = { memory, AT, 0, PAGES, RIGHT_READ | RIGHT_WRITE };

	return syscall(SYS_MAP, 0, address(&a), 0, 0) == AT;
}

static void unmap_and_map(void *unused)
{
	(void)unused;
	do {
		(void)syscall(SYS_UNMAP, 0, AT, PAGES, 0);
		(void)syscall(SYS_YIELD, 0, 0, 0, 0);
	} while (map_all());
}

static int do_grant(void)
{
	struct message m = { 0, AT, SIZE, 0 };
	int got = syscall(SYS_MEMORY, 0, PAGES, 0, 0);

	CHECK(got > 0);
	memory = (u32)got;
	CHECK(map_all());
	memset((void *)AT, FILL, SIZE);
	CHECK(thread_start(unmap_and_map, NULL, stack, sizeof(stack)) > 0);
	return ipc_call(SLOT_NEXT, MSG_GRANT_READ | MSG_GRANT_WRITE, &m);
}

static bool is_filled(void)
{
	for (u32 i = 0; i < SIZE; i++) {
		if (copied[i] != FILL)
			return false;
	}
	return true;
}

static int test_copy(void)
{
	u32 ebx = here;
	int client = child("meddle grant", 0, 0, here), done = 0;
	struct message m = { 0, 0, 0, 0 };

	CHECK(client > 0);
	CHECK(syscall_words(SYS_RECEIVE, &ebx, &m.w0, &m.w1, &m.w2) == GOT_CALL);
	for (u32 i = 0; i < 400; i++) {
		memset(copied, 0, SIZE);
		int n = syscall(SYS_COPY, 0, 0, address(copied), SIZE);
		CHECK(n == SIZE ? is_filled() : n == -EFAULT);
		n = syscall(SYS_COPY, COPY_TO_CALLER, 0, address(copied), n == SIZE ? SIZE : 0);
		CHECK(n == -EFAULT || n >= 0);
		(void)syscall(SYS_YIELD, 0, 0, 0, 0);
	}
	process_end((u32)client, 0);
	while (done != -ESRCH) {
		done = syscall(SYS_COPY, 0, 0, address(copied), SIZE);
		CHECK(done == SIZE || done == -EFAULT || done == -ESRCH);
		(void)syscall(SYS_YIELD, 0, 0, 0, 0);
	}
	return 0;
}

/* -- a gift for which there is no room ----------------------------------------------------- */

/*	caller				receiver (no room)		this thread
 *	call, gives a handle: queued
 *					receive: -EAGAIN; lets go of
 *					ipc_lock, gets no more room
 *									closes the endpoint
 *	-EPIPE
 *					has ipc_lock: looks at the
 *					endpoint, which is not there
 */
static u32 gift;
static volatile int caller_got = 1, receiver_got = 1;
static u8 receiver_stack[4096] aligned(16);

static int lab(const char *command)
{
	return syscall(SYS_COMMAND, HANDLE_KERNEL, address(command), strlen(command), 0);
}

static void give(void *unused)
{
	struct message m = { 0, 0, gift, 0 };

	(void)unused;
	caller_got = ipc_call(here, MSG_GIVE, &m);
	(void)syscall(SYS_THREAD_EXIT, 0, 0, 0, 0);
}

static void receive_gift(void *unused)
{
	int err;

	(void)unused;
	do
		err = syscall(SYS_RECEIVE, here | MSG_NONBLOCK, 0, 0, 0);
	while (err == -EAGAIN);			/* no call yet */
	receiver_got = err;
	(void)syscall(SYS_THREAD_EXIT, 0, 0, 0, 0);
}

static int test_gift(void)
{
	gift = (u32)handle_dup((u32)endpoint_create(), RIGHT_CALL | RIGHT_GIVE, 0);
	while (handle_dup(gift, RIGHT_GIVE, 0) > 0)
		;
	CHECK(handle_dup(gift, RIGHT_GIVE, 0) == -EMFILE);
	CHECK(!lab("sync hold ipc:room"));
	CHECK(thread_start(give, NULL, stack, sizeof(stack)) > 0);
	CHECK(thread_start(receive_gift, NULL, receiver_stack, sizeof(receiver_stack)) > 0);
	CHECK(!lab("sync wait ipc:room"));
	handle_close(here);
	CHECK(!lab("sync release ipc:room"));
	while (caller_got > 0 || receiver_got > 0)
		(void)syscall(SYS_YIELD, 0, 0, 0, 0);
	CHECK(caller_got == -EPIPE && receiver_got == -EBADF);
	return 0;
}

/* -- a call to one who was ended ----------------------------------------------------------- */

/*	this one, 16	last, 4			caller, 16
 *			waits for a call
 *	ends last	(has no CPU yet)
 *					calls: must not be given to last
 *	receives
 *
 * as init does when it starts a server again. */
static u32 to_successor;

static void call_successor(void *unused)
{
	struct message m = { 0, 0, 0, 0 };

	(void)unused;
	caller_got = ipc_call(to_successor, 0, &m);
	(void)syscall(SYS_THREAD_EXIT, 0, 0, 0, 0);
}

static int end_child(u32 child)
{
	process_end(child, 0);
	return 0;
}

static int kill_child(u32 child)
{
	struct process_status s;
	char line[20];

	if (process_status(child, &s))
		return -EBADF;
	snprintf(line, sizeof(line), "kill %u", s.id);
	return lab(line);
}

static int succeeds(int (*end)(u32 child), u8 *callers_stack)
{
	struct message m = { 1, 0, 0, 0 };
	int got = -EAGAIN;

	caller_got = 1;
	to_successor = (u32)endpoint_create();
	int last = child("meddle last", PRIO_SERVERS, to_successor, here);
	CHECK(last > 0 && !ipc_call(to_successor, 0, &m) && m.w0 == 2);
	CHECK(!end((u32)last));
	CHECK(thread_start(call_successor, NULL, callers_stack, sizeof(stack)) > 0);
	while (got == -EAGAIN && caller_got > 0) {
		(void)syscall(SYS_YIELD, 0, 0, 0, 0);
		got = syscall(SYS_RECEIVE, to_successor | MSG_NONBLOCK, 0, 0, 0);
	}
	CHECK(got == GOT_CALL && !syscall(SYS_REPLY, 0, 0, 0, 0));
	while (caller_got > 0)
		(void)syscall(SYS_YIELD, 0, 0, 0, 0);
	return caller_got;
}

static int test_successor(void)
{
	CHECK(!bind_to_cpu_0());
	int err = succeeds(end_child, stack);
	return err ? err : succeeds(kill_child, receiver_stack);
}

/* The same, where the one that is ended was about to look for a call:
 *
 *	taker (no room)			give, then a caller	this one
 *					call with a gift
 *	receive: releases ipc_lock,
 *	gets no room
 *					call: queued
 *								ends the taker
 *	has ipc_lock: must take no call
 *								receives
 */
static int do_taker(void)
{
	u32 mine = (u32)handle_dup((u32)endpoint_create(), RIGHT_CALL | RIGHT_GIVE, 0);
	int got;

	while (handle_dup(mine, RIGHT_GIVE, 0) > 0)
		;
	do
		got = syscall(SYS_RECEIVE, HANDLE_SERVICE | MSG_NONBLOCK, 0, 0, 0);
	while (got == -EAGAIN);			/* no call yet */
	return got;
}

static volatile int given;

static void give_to_taker(void *unused)
{
	struct message m = { 0, 0, gift, 0 };

	(void)unused;
	given = ipc_call(to_successor, MSG_GIVE, &m);
	(void)syscall(SYS_THREAD_EXIT, 0, 0, 0, 0);
}

static int test_late(void)
{
	int got = -EAGAIN;

	gift = (u32)handle_dup((u32)endpoint_create(), RIGHT_CALL | RIGHT_GIVE, 0);
	to_successor = (u32)endpoint_create();
	given = 1;
	CHECK(!lab("sync hold ipc:room"));
	int taker = child("meddle taker", 0, to_successor, here);
	CHECK(taker > 0 && thread_start(give_to_taker, NULL, stack, sizeof(stack)) > 0);
	CHECK(!lab("sync wait ipc:room"));
	CHECK(thread_start(call_successor, NULL, receiver_stack, sizeof(receiver_stack)) > 0);
	(void)sleep_us(5000);
	process_end((u32)taker, 0);
	CHECK(!lab("sync release ipc:room"));
	while (got == -EAGAIN && caller_got > 0) {
		(void)syscall(SYS_YIELD, 0, 0, 0, 0);
		got = given > 0 ? -EAGAIN : syscall(SYS_RECEIVE, to_successor | MSG_NONBLOCK, 0, 0, 0);
	}
	CHECK(given == -EMFILE && got == GOT_CALL && !syscall(SYS_REPLY, 0, 0, 0, 0));
	while (caller_got > 0)
		(void)syscall(SYS_YIELD, 0, 0, 0, 0);
	return caller_got;
}

/* -- a number that is no gift ---------------------------------------------------------------- */

/* A driver's server would use, and close, its own endpoint (or interrupt). At the prompt,
 * while rtc-server runs. */
static int test_forged(void)
{
	int rtc = service_lookup("rtc");
	struct device d;

	CHECK(rtc > 0);
	for (u32 forged = 1; forged < HANDLE_FIRST_FREE; forged++) {
		struct message m = { DEVICE_OPEN, 0, forged, 0 };
		CHECK(ipc_call((u32)rtc, 0, &m) == 0 && (int)m.w0 == 0 && m.gift);
		handle_close(m.gift);
	}
	CHECK(!device_open(&d, "rtc", 0) && d.home == HOME_SERVER);
	device_close(&d);
	return 0;
}

/* -- which --------------------------------------------------------------------------------- */

static int test_affinity(void)
{
	CHECK(syscall(SYS_AFFINITY, 0, 0, 0, 0) == -EINVAL);
	CHECK(syscall(SYS_AFFINITY, 0, 0, 1u << 31, 0) == -EINVAL);	/* 64 CPUs are not here */
	CHECK(syscall(SYS_AFFINITY, 0, ~0u, ~0u, 0) == 0);
	return bind_to_cpu_0();
}

PROGRAM_HELP("meddle TEST", "what messages promise while others meddle; run by the in-kernel tests");

int main(int argc, char **argv)
{
	static const struct { const char *name; int (*fn)(void); } what[] = {
		{ "priority", test_priority }, { "notified", test_notified }, { "copy", test_copy }, { "affinity", test_affinity },
		{ "last", do_last }, { "middle", do_middle }, { "call", do_call }, { "spin", do_spin },
		{ "grant", do_grant }, { "gift", test_gift }, { "successor", test_successor },
		{ "late", test_late }, { "taker", do_taker }, { "forged", test_forged },
	};

	for (u32 i = 0; argc > 1 && i < ARRAY_SIZE(what); i++) {
		if (!streq(argv[1], what[i].name))
			continue;
		here = (u32)endpoint_create();
		return what[i].fn();
	}
	printf("meddle: started by the kernel's command `test`, but for `meddle forged`\n");
	return -EINVAL;
}
