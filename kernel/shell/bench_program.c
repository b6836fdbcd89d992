/* What is measured in ring 3: a program (user/bench) ends with the TSC cycles as its
 * status. */
#include "shell/bench.h"
#include "shell/commands.h"
#include "smp/percpu.h"

/* `cpus`: how many it takes. */
struct measure { u32 cpus; const char *program, *args, *what; };

#define RUNS 8

static int bench_one(struct bench *b, const struct measure *p)
{
	struct stats s;

	stats_init(&s, b->sample, SAMPLES);
	for (u32 n = 0; n < RUNS; n++) {
		int cycles = run_program(p->program, p->args);
		if (cycles <= 0)
			return shell_error(cycles ? cycles : -EIO, "bench: %s did not work", p->args);
		stats_add(&s, figure(b, (u32)cycles));
	}
	print_figure(b, p->what, &s, unit(b));
	return 0;
}

static int bench_all(struct bench *b, const struct measure *p, u32 n)
{
	int err = 0;

	for (u32 i = 0; i < n && !err && !shell_interrupted(); i++) {
		if (p[i].cpus <= nr_cpus)
			err = bench_one(b, &p[i]);
	}
	return err;
}

/* bench ipc: what ring 3 costs. */
int bench_ipc(struct bench *b)
{
	static const struct measure parts[] = {
		{ 1, "ipcbench", "ipcbench null", "a system call that does nothing" },
		{ 1, "ipcbench", "ipcbench call", "a call and its answer, two processes" },
		{ 2, "ipcbench", "ipcbench call-across", "  the same across two CPUs" },
		{ 1, "ipcbench", "ipcbench notify", "a notification that wakes a process" },
		{ 1, "ipcbench", "ipcbench wake", "  and that one runs, and waits again" },
		{ 1, "ipcbench", "ipcbench fault", "a page fault, mapped by the supervisor" },
		{ 1, "ipcbench", "ipcbench start", "start and end of a process" },
	};

	return bench_all(b, parts, ARRAY_SIZE(parts));
}

/* bench driver-homes: the same driver as a module and as a server. */
int bench_homes(struct bench *b)
{
	static const struct measure parts[] = {
		{ 1, "homesbench", "homesbench call module", "ioctl of a module" },
		{ 1, "homesbench", "homesbench call server", "ioctl of a server" },
		{ 1, "homesbench", "homesbench read module", "the time from rtc, a module" },
		{ 1, "homesbench", "homesbench read server", "the time from rtc, a server" },
		{ 1, "homesbench", "homesbench in module", "load, to the first answer" },
		{ 1, "homesbench", "homesbench in server", "start, to the first answer" },
		{ 1, "homesbench", "homesbench out module", "unload" },
		{ 1, "homesbench", "homesbench out server", "end of a server" },
		{ 1, "homesbench", "homesbench crash server", "a server's crash, to the next answer" },
	};

	return bench_all(b, parts, ARRAY_SIZE(parts));
}
