/* Who starts the servers and ends them.
 *
 *	director			server			client
 *	starts them
 *								call
 *					BIT_AT: is where it
 *					hurts
 *	ends it
 *								-EPIPE
 *	BIT_ENDED: looks at
 *	what it has still
 */
#include "user/hazards/h_server/h_server.h"
#include "lib/format.h"
#include "user/lib/process.h"
#include "user/lib/service.h"
#include "user/lib/syscall.h"
#include "user/lib/time.h"

#define NR_CLIENTS 2u			/* of each server */
#define BIT_LATE   (1u << 31)
#define BIT_CLIENT BIT_ENDED(MAX_SERVERS)
#define PATTERN    0x5e12e12eu

#define CLIENT_RIGHTS (RIGHT_CALL | RIGHT_NOTIFY | RIGHT_GIVE)

struct client {				/* a thread */
	u32 service;
	volatile int told;		/* 0: nothing yet */
	u8 stack[2048] aligned(16);
};

static struct server_process {
	u32 process, service;
	struct client client[NR_CLIENTS];
} servers[MAX_SERVERS];
static u32 nr_servers, nr_clients;	/* clients of each */
static u32 supervisor, heard;		/* bits */

/* -- waiting --------------------------------------------------------------------------- */

/* 0 once all these bits were raised. */
static int hear(u32 bits)
{
	(void)ipc_alarm(supervisor, BIT_LATE, 4 * quarter_us);
	heard &= ~BIT_LATE;
	while ((heard & bits) != bits && !(heard & BIT_LATE)) {
		u32 ebx = supervisor, got = 0, w1 = 0, w2 = 0;
		int what = syscall_words(SYS_RECEIVE, &ebx, &got, &w1, &w2);
		if (what != GOT_NOTIFICATION)
			return -EIO;	/* a fault of a server's */
		heard |= got;
	}
	(void)ipc_alarm(supervisor, 0, 0);
	return (heard & bits) == bits ? 0 : -ETIMEDOUT;
}

static int hear_all(u32 first)
{
	return hear(first * ((1u << nr_servers) - 1));
}

/* -- clients ---------------------------------------------------------------------------- */

static int call_for(u32 service, u32 what)
{
	struct message m = { what, 0, 0, 0 };
	int err = ipc_call(service, 0, &m);

	return err < 0 ? err : (int)m.w0;
}

/* A page that the server made and gives away. -EPIPE: it was ended before. */
static int take_memory(u32 service, volatile u32 **page)
{
	struct message m = { CALL_MEMORY, 0, 0, 0 };
	struct map_args map = { .pages = 1, .rights = RIGHT_READ | RIGHT_WRITE };
	int err = ipc_call(service, 0, &m);

	if (err < 0 || (int)m.w0 < 0)
		return err < 0 ? err : (int)m.w0;
	map.memory = m.gift;
	int where = syscall(SYS_MAP, 0, address(&map), 0, 0);
	if (IS_ERR((void *)where))
		return where;
	*page = (volatile u32 *)where;
	return 0;
}

static void run_client(void *arg)
{
	struct client *c = arg;
	volatile u32 *page = NULL;
	int err = is("maps") ? take_memory(c->service, &page) : 0;

	if (page)
		*page = PATTERN;
	while (!err)
		err = call_for(c->service, CALL_STAGED);
	if (page && *page != PATTERN)
		err = -EFAULT;
	c->told = err;
}

int be_client(void)
{
	static char buf[64];
	struct message m = { CALL_STAGED, address(buf), sizeof(buf), 0 };

	return ipc_call(HANDLE_SERVICE, MSG_GRANT_WRITE, &m);
}

/* -- beginning ---------------------------------------------------------------------------- */

static u32 spawn_one(const char *role, u32 i, struct gift service, u32 ended_bit)
{
	char line[64];

	snprintf(line, sizeof(line), "h_server %s %s %u %u", role, mode, i, quarter_us);
	int process = spawn(&(struct spawn){
		.program = "h_server", .args = line, .supervisor = supervisor, .ended_bits = ended_bit,
		.gift = {
			{ HANDLE_KERNEL, HANDLE_KERNEL, RIGHTS_ALL },
			service,
			{ HANDLE_CONTROL, supervisor, RIGHT_NOTIFY },
		},
	});
	return process < 0 ? 0 : (u32)process;
}

/* Its endpoint is its own alone, and ends with it. */
static int start_server(u32 i)
{
	struct server_process *s = &servers[i];
	int receive = endpoint_create(), err = 0;
	int call = receive < 0 ? receive : handle_dup((u32)receive, CLIENT_RIGHTS, 0);

	if (call < 0)
		return call;
	s->service = (u32)call;
	s->process = spawn_one("serve", i, (struct gift){ HANDLE_SERVICE, (u32)receive, RIGHTS_ALL },
	                       BIT_ENDED(i));
	handle_close((u32)receive);
	for (u32 k = 0; k < nr_clients && err >= 0; k++) {
		struct client *c = &s->client[k];
		c->service = s->service;
		err = thread_start(run_client, c, c->stack, sizeof(c->stack));
	}
	return s->process ? MIN(err, 0) : -ENOMEM;
}

/* -- the end ------------------------------------------------------------------------------- */

/* It is the client that ends, in mid-call; the server must be there for others. */
static int end_client(u32 client)
{
	int err;

	process_end(client, -EINTR);
	err = hear(BIT_CLIENT);
	return err ? err : call_for(servers[0].service, CALL_PING);
}

static void end_first(void *unused)
{
	(void)unused;
	process_end(servers[0].process, -EINTR);
}

static void end_servers(void)
{
	static u8 stack[2048] aligned(16);

	if (is("stays")) {		/* asked first; then it is over */
		(void)ipc_notify(servers[0].service, SERVICE_LEAVE);
		(void)sleep_us(quarter_us / 2);
	}
	if (is("twice"))
		(void)!thread_start(end_first, NULL, stack, sizeof(stack));
	for (u32 i = 0; i < nr_servers && !is("fails") && !is("itself"); i++)
		process_end(servers[i].process, -EINTR);
}

static int what_was_told(void)
{
	for (u32 n = 0; n < nr_servers * nr_clients; n++) {
		const struct client *c = &servers[n / nr_clients].client[n % nr_clients];
		u64 limit = clock_ns() + 4000ull * quarter_us;
		while (!c->told && clock_ns() < limit)
			(void)sleep_us(1000);
		if (c->told != -EPIPE)
			return !c->told ? -ETIMEDOUT : c->told == -EFAULT ? -EFAULT : -EIO;
	}
	return 0;
}

static int what_is_left(void)
{
	struct process_status s;

	for (u32 i = 0; i < nr_servers; i++) {
		int err = process_status(servers[i].process, &s);
		if (err || !s.ended || s.pages || s.handles || s.threads)
			return err ? err : -EBUSY;
	}
	return 0;
}

/* What it had armed rings now, or not. */
static void let_time_pass(void)
{
	if (is("alarm") || is("ticks") || is("forgets"))
		(void)sleep_us(quarter_us / 2);
	if (is("ticks") || is("forgets"))
		clock_set(false);
}

int direct(void)
{
	bool orphans = is("orphan") || is("grant");
	u32 client = 0;
	int err = 0;

	nr_servers = is("storm") ? MAX_SERVERS : 1;
	nr_clients = orphans ? 0 : NR_CLIENTS;
	supervisor = (u32)endpoint_create();
	for (u32 i = 0; i < nr_servers && !err; i++)
		err = start_server(i);
	if (!err && orphans)
		client = spawn_one("client", 0, (struct gift){ HANDLE_SERVICE, servers[0].service, CLIENT_RIGHTS },
		                   BIT_CLIENT);
	if (!err)
		err = hear_all(BIT_AT(0));
	if (!err && orphans)
		err = end_client(client);
	end_servers();
	if (!err)
		err = hear_all(BIT_ENDED(0));
	let_time_pass();
	err = err ? err : what_was_told();
	return err ? err : what_is_left();
}
