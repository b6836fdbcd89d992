/* What a driver costs in either home: `homesbench WHAT HOME` does it some times, and ends
 * with the TSC cycles of one as its status. Started by the kernel's command `bench
 * driver-homes`. It is its servers' supervisor, so what init does on purpose (the pause
 * before another try) is not in the figures. */
#include "lib/string.h"
#include "modules/ioctl.h"
#include "user/lib/device.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"

#define CALLS 500u
#define LIVES 8u
#define ENDED 1u			/* bit: a server has ended */

/* A driver, as module and as server. */
struct driver {
	const char *name, *program;
	u32 port, nr_ports, irq;	/* 0: none */
};

static const struct driver faulty = { "faulty", "faulty-server", 0, 0, 0 };
static const struct driver rtc = { "rtc", "rtc-server", 0x70, 2, 8 };

static u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

/* -- as a server -------------------------------------------------------------------- */

static u32 service;			/* endpoint of the life that runs, for clients */
static u32 events;			/* of faults and ends, for the supervisor */
static u32 over;			/* the supervisor tells main() of each end */
static u32 process;
static const struct driver *again;	/* started again when it ends; NULL: not */

static int spawn_server(const struct driver *d)
{
	int ports = d->nr_ports ? syscall(SYS_PORTS, HANDLE_KERNEL, d->port, d->nr_ports, 0) : 0;
	int irq = d->irq ? syscall(SYS_IRQ, HANDLE_KERNEL, d->irq, 0, 0) : 0;
	int receive = endpoint_create();
	int client = handle_dup((u32)receive, RIGHT_CALL | RIGHT_GIVE, 0);
	int p = spawn(&(struct spawn){
		.program = d->program, .args = d->program, .supervisor = events, .ended_bits = ENDED,
		.gift = {
			{ HANDLE_KERNEL, HANDLE_KERNEL, AUTH_CONSOLE },
			{ HANDLE_SERVICE, (u32)receive, RIGHTS_ALL },
			{ HANDLE_PORTS, (u32)MAX(ports, 0), RIGHT_CONTROL },
			{ HANDLE_IRQ, (u32)MAX(irq, 0), RIGHT_CONTROL },
		},
	});

	if (ports > 0)
		handle_close((u32)ports);
	if (irq > 0)
		handle_close((u32)irq);
	handle_close((u32)receive);	/* it ends with the server */
	if (service)
		handle_close(service);
	service = (u32)client;
	process = (u32)p;
	return MIN(p, 0);
}

static int on_fault(struct call *c)
{
	(void)c;
	return FAULT_END;
}

static void on_end(u32 bits)
{
	(void)bits;
	handle_close(process);
	if (again)
		(void)spawn_server(again);
	(void)ipc_notify(over, ENDED);
}

static void supervise(void *arg)
{
	(void)arg;
	process_exit(serve(&(struct server){ .endpoint = events, .call = on_fault, .notified = on_end }));
}

static int become_supervisor(void)
{
	static u8 stack[4096] aligned(16);

	events = (u32)endpoint_create();
	over = (u32)endpoint_create();
	return thread_start(supervise, NULL, stack, sizeof(stack));
}

static void wait_for_end(void)
{
	u32 ebx = over, w0 = 0, w1 = 0, w2 = 0;

	(void)syscall_words(SYS_RECEIVE, &ebx, &w0, &w1, &w2);
}

static void end_server(void)
{
	process_end(process, 0);
	wait_for_end();
}

/* -- as a module -------------------------------------------------------------------- */

static int ask_module(enum syscall what, const char *name)
{
	struct module_args a = {
		.name = address(name), .name_len = strlen(name),
		.flags = what == SYS_MODULE_UNLOAD ? MODULE_NONBLOCK : 0,
	};

	return syscall(what, HANDLE_KERNEL, address(&a), 0, 0);
}

/* -- in either ---------------------------------------------------------------------- */

static bool as_server;

static int put_in(const struct driver *d)
{
	return as_server ? spawn_server(d) : MIN(ask_module(SYS_MODULE_LOAD, d->name), 0);
}

static void take_out(const struct driver *d)
{
	if (as_server)
		end_server();
	else
		(void)ask_module(SYS_MODULE_UNLOAD, d->name);
}

static int open_it(struct device *dev, const struct driver *d)
{
	return as_server ? device_open_at(dev, service, DEVICE_NONBLOCK) :
	                   device_open(dev, d->name, DEVICE_NONBLOCK);
}

/* `n` times `one`, after a first one that does not count. */
static u32 many(const struct driver *d, u32 n, int (*one)(const struct device *dev))
{
	struct device dev;
	int err = put_in(d);
	u64 start = 0;

	if (!err)
		err = open_it(&dev, d);
	if (err)
		return 0;
	for (u32 i = 0; err >= 0 && i <= n; i++) {
		err = one(&dev);
		if (!i)
			start = rdtsc();
	}
	start = rdtsc() - start;
	device_close(&dev);
	take_out(d);
	return err < 0 ? 0 : (u32)start / n;
}

static int one_ioctl(const struct device *dev) { return device_ioctl(dev, FAULTY_GET_COUNT, 0); }

static int one_time(const struct device *dev)
{
	char text[32];

	return device_read(dev, text, sizeof(text));
}

static u32 calls(void) { return many(&faulty, CALLS, one_ioctl); }
static u32 reads(void) { return many(&rtc, CALLS / 10, one_time); }

/* In: until the first answer. Out: until it is gone. */
static u32 lives(bool in)
{
	u64 sum = 0;

	for (u32 i = 0; i < LIVES; i++) {
		struct device dev;
		u64 t0 = rdtsc();
		if (put_in(&faulty) || open_it(&dev, &faulty) || one_ioctl(&dev) != 1)
			return 0;
		u64 t1 = rdtsc();
		device_close(&dev);
		u64 t2 = rdtsc();
		take_out(&faulty);
		sum += in ? t1 - t0 : rdtsc() - t2;
	}
	return (u32)sum / LIVES;
}

static u32 ins(void)  { return lives(true); }
static u32 outs(void) { return lives(false); }

/* From the call that makes the server fall to the first answer of the next one. */
static u32 crashes(void)
{
	struct device dev;
	u64 sum = 0;

	again = &faulty;
	if (!as_server || put_in(&faulty) || open_it(&dev, &faulty) || one_ioctl(&dev) != 1)
		return 0;
	for (u32 i = 0; i < LIVES; i++) {
		u64 start = rdtsc();
		if (device_ioctl(&dev, FAULTY_NULL, 0) != -ENODEV)
			return 0;
		device_close(&dev);
		wait_for_end();			/* and start of the next one */
		if (open_it(&dev, &faulty) || one_ioctl(&dev) != 1)
			return 0;
		sum += rdtsc() - start;
	}
	again = NULL;
	return (u32)sum / LIVES;
}

PROGRAM_HELP("homesbench WHAT HOME", "what a driver costs in either home; run by `bench driver-homes`");

int main(int argc, char **argv)
{
	static const struct { const char *name; u32 (*measure)(void); } what[] = {
		{ "call", calls }, { "read", reads }, { "in", ins }, { "out", outs }, { "crash", crashes },
	};

	as_server = argc == 3 && streq(argv[2], "server");
	for (u32 i = 0; argc == 3 && i < ARRAY_SIZE(what); i++) {
		if (!streq(argv[1], what[i].name))
			continue;
		int err = as_server ? become_supervisor() : 0;
		return err < 0 ? err : (int)what[i].measure();
	}
	printf("homesbench: started by the kernel's command `bench driver-homes`\n");
	return -EINVAL;
}
