/* A server that gets itself into what a driver can be in when it is to go. */
#include "user/hazards/h_server/h_server.h"
#include "user/lib/process.h"
#include "user/lib/syscall.h"
#include "user/lib/time.h"

#define CLOCK_IRQ 8u

static u32 self;			/* which server this is */

static void at(void)
{
	(void)ipc_notify(HANDLE_CONTROL, BIT_AT(self));
}

static void stand(void *unused)
{
	(void)unused;
	for (;;)
		;
}

static void start_threads(void)
{
	static u8 stack[2][2048] aligned(16);

	for (u32 i = 0; i < 2; i++)
		(void)!thread_start(stand, NULL, stack[i], sizeof(stack[i]));
}

/* -- the clock chip ---------------------------------------------------------------------- */

static void out(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

static u8 in(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static u8 clock_reg(u8 reg)
{
	out(0x70, reg);
	return in(0x71);
}

/* MC146818A data sheet: PIE is in register B; who reads C lets go of the line. */
void clock_set(bool ticks)
{
	int ports = syscall(SYS_PORTS, HANDLE_KERNEL, 0x70, 2, 0);

	(void)syscall(SYS_PORTS_ENABLE, (u32)ports, 0, 0, 0);
	u8 b = clock_reg(0x0b) & ~0x40;
	out(0x70, 0x0b);
	out(0x71, ticks ? b | 0x40 : b);
	(void)clock_reg(0x0c);
}

static void bind_clock(void)
{
	int irq = syscall(SYS_IRQ, HANDLE_KERNEL, CLOCK_IRQ, 0, 0);

	(void)syscall(SYS_IRQ_BIND, (u32)irq, HANDLE_SERVICE, 1, 0);
	clock_set(true);
}

/* -- calls ------------------------------------------------------------------------------- */

static int give_memory(struct call *c)
{
	int memory = syscall(SYS_MEMORY, 0, 1, 0, 0);

	c->w2 = (u32)memory;
	c->flags = MSG_GIVE;
	return MIN(memory, 0);
}

/* All that a driver can forget. */
static void forget(void)
{
	struct map_args map = { .pages = 16, .rights = RIGHT_READ | RIGHT_WRITE };

	map.memory = (u32)syscall(SYS_MEMORY, 0, 16, 0, 0);
	(void)syscall(SYS_MAP, 0, address(&map), 0, 0);
	(void)!endpoint_create();
	(void)ipc_alarm(HANDLE_SERVICE, 1, quarter_us);
	bind_clock();
	start_threads();
}

/* Until the caller has gone, whose memory it is. */
static int fill_grant(void)
{
	static const char text[64];
	int n;

	at();
	do {
		n = ipc_copy_out(0, text, sizeof(text));
	} while (n >= 0);
	return n;
}

static int answer_in_a_loop(void)
{
	static u32 calls;

	if (++calls == 50)
		at();
	return 0;
}

/* The call is not answered before somebody ends. */
static int stage_call(void)
{
	if (is("grant"))
		return fill_grant();
	if (is("forgets"))
		forget();
	else if (is("ticks"))
		bind_clock();
	else if (is("alarm"))
		(void)ipc_alarm(HANDLE_SERVICE, 1, quarter_us / 8);
	else if (is("threads"))
		start_threads();
	at();
	if (is("fails"))
		process_exit(-EIO);
	else if (is("itself"))
		process_end(HANDLE_SELF, 0);
	else if (is("computes"))
		stand(NULL);
	else if (is("sleeps"))
		(void)sleep_us(60 * quarter_us);
	else if (is("orphan"))
		return sleep_us(quarter_us / 4);
	return ipc_keep() < 0 ? -ENOMEM : ANSWER_LATER;
}

static int called(struct call *c)
{
	switch (c->w0) {
	case CALL_PING:   return 0;
	case CALL_MEMORY: return give_memory(c);
	default:          return is("loop") ? answer_in_a_loop() : stage_call();
	}
}

/* An alarm arms itself again; whoever is told to leave stays. */
static void notified(u32 bits)
{
	(void)bits;
	if (is("alarm"))
		(void)ipc_alarm(HANDLE_SERVICE, 1, quarter_us / 8);
}

int serve_clients(u32 i)
{
	self = i;
	if (is("starts")) {		/* and is not ready yet */
		at();
		stand(NULL);
	}
	return serve(&(struct server){ HANDLE_SERVICE, called, notified });
}
