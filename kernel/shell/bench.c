/* bench: what things cost. */
#include "shell/commands.h"
#include "entry/chrdev.h"
#include "lib/boot_option.h"
#include "lib/math64.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "shell/bench.h"
#include "smp/ipi.h"
#include "x86/clock.h"
#include "x86/console.h"

#define SLEEPERS 20

/* An instruction takes 2^N ns: QEMU's -icount shift. */
BOOT_OPTION(icount, BOOT_NUMBER, .max = 10);

static void bench_init(struct bench *b, bool json)
{
	b->json = json;
	b->instructions = icount.given;
	b->shift = icount.number;
	console_flush();	/* a screen that is drawn anew costs what is measured meanwhile a third */
}

u32 figure(const struct bench *b, u64 cycles)
{
	return (u32)(b->instructions ? cycles >> b->shift : tsc_to_ns(cycles));
}

const char *unit(const struct bench *b)
{
	return b->instructions ? "instructions" : "ns";
}

void print_figure(const struct bench *b, const char *what, struct stats *s, const char *of)
{
	u32 median = stats_percentile(s, 50), p99 = stats_percentile(s, 99), max = stats_percentile(s, 100);

	if (!b->json) {
		printk("%-44s median %8u, p99 %8u, max %8u %s (%u samples)\n", what, median, p99, max, of, s->n);
		console_flush();
		return;
	}
	struct json j;
	json_begin(&j);
	json_str(&j, "bench", what);
	json_str(&j, "unit", of);
	json_u64(&j, "cpus", nr_cpus);
	json_u64(&j, "median", median);
	json_u64(&j, "p99", p99);
	json_u64(&j, "max", max);
	json_u64(&j, "samples", s->n);
	json_end(&j);
	console_flush();
}

/* -- load and unload ------------------------------------------------------------------ */

int bench_load(struct bench *b, const char *name, const char *params, u64 *cycles)
{
	struct load_error why;

	(void)b;
	console_mute(true);
	u64 start = rdtsc();
	int err = module_load_by_name(name, params, NULL, &why);
	*cycles = rdtsc() - start;
	console_mute(false);
	return err ? shell_error(err, "bench: %s", why.text) : 0;
}

int bench_remove(struct bench *b, const char *name, u32 flags, u64 patience_ns, u64 *cycles)
{
	memset(&b->unload, 0, sizeof(b->unload));
	strlcpy(b->unload.name, name, sizeof(b->unload.name));
	b->unload.flags = flags;
	b->unload.patience_ns = patience_ns;
	console_mute(true);
	u64 start = rdtsc();
	int err = module_unload(&b->unload);
	*cycles = rdtsc() - start;
	console_mute(false);
	return err;
}

/* With `wake` every sleeper runs in between, so that each has to be inspected. */
static int load_unload(struct bench *b, bool wake, u64 *load, u64 *out)
{
	int err = bench_load(b, "null", "", load);

	if (err)
		return err;
	if (wake)
		sleepers_wake(&b->sleepers);
	err = bench_remove(b, "null", 0, 0, out);
	return err ? shell_error(err, "bench: %s", b->unload.report.error) : 0;
}

static int bench_unload(struct bench *b, bool wake)
{
	u32 held[SAMPLES], out[SAMPLES];
	struct stats s_load, s_out, s_held;
	u32 broadcasts = 0, there = READ_ONCE(nr_tasks);
	u64 load = 0, unload = 0;
	int err;

	stats_init(&s_load, b->sample, SAMPLES);
	stats_init(&s_out, out, SAMPLES);
	stats_init(&s_held, held, SAMPLES);
	err = sleepers_start(&b->sleepers, there < SLEEPERS ? SLEEPERS - there : 0);
	if (err)
		return err;
	for (u32 i = 0; i < SAMPLES && !err; i++) {
		err = load_unload(b, wake, &load, &unload);
		stats_add(&s_load, figure(b, load));
		stats_add(&s_out, figure(b, unload));
		stats_add(&s_held, figure(b, b->unload.report.held.held));
		broadcasts = MAX(broadcasts, b->unload.report.broadcasts);
	}
	u32 tasks = READ_ONCE(nr_tasks);
	sleepers_stop(&b->sleepers);
	if (err)
		return err;
	if (!wake)
		print_figure(b, "load an idle module", &s_load, unit(b));
	print_figure(b, wake ? "unload, every task has run since the load" : "unload an idle module", &s_out, unit(b));
	print_figure(b, "  CPUs held", &s_held, unit(b));
	if (!b->json)
		printk("  with %u tasks, at most %u broadcasts, %u words read last\n", tasks, broadcasts,
		       b->unload.report.words);
	return 0;
}

/* -- yield ------------------------------------------------------------------------------ */

#define YIELDS 1000

struct yields { struct bench *bench; struct stats *s; bool stop; };

static void yielder_task(void *arg)
{
	struct yields *y = arg;

	while (!READ_ONCE(y->stop))
		yield();
}

static void yield_meter_task(void *arg)
{
	struct yields *y = arg;

	while (y->s->n < y->s->max) {
		u64 start = rdtsc();
		for (u32 n = 0; n < YIELDS; n++)
			yield();
		stats_add(y->s, figure(y->bench, rdtsc() - start) / (2 * YIELDS));
	}
	WRITE_ONCE(y->stop, true);
}

/* Two tasks of the kernel's own on one CPU, at one priority: one only yields, the other
 * measures as well. The caller, a thread of a process, waits: no address space comes into it. */
int sample_yield(struct bench *b, struct stats *s)
{
	struct yields y = { .bench = b, .s = s };
	struct task *t, *meter;

	t = task_create_on(0, "yielder", PRIO_HIGH, yielder_task, &y);
	if (IS_ERR(t))
		return shell_error(PTR_ERR(t), "bench: no memory for a task");
	meter = task_create_on(0, "yield meter", PRIO_HIGH, yield_meter_task, &y);
	if (!IS_ERR(meter)) {
		(void)!task_join(meter, WAIT_FOREVER);
		task_put(meter);
	}
	WRITE_ONCE(y.stop, true);
	(void)!task_join(t, WAIT_FOREVER);
	task_put(t);
	return IS_ERR(meter) ? shell_error(PTR_ERR(meter), "bench: no memory for a task") : 0;
}

static int bench_yield(struct bench *b)
{
	struct stats s;

	stats_init(&s, b->sample, SAMPLES);
	int err = sample_yield(b, &s);
	if (!err)
		print_figure(b, "a yield between two tasks of a CPU", &s, unit(b));
	return err;
}

/* -- calls ------------------------------------------------------------------------------ */

#define CALLS 1000

int sample_read(struct bench *b, const char *device, struct stats *s)
{
	u8 byte;
	struct file *f = file_open(device, 0);

	if (IS_ERR(f))
		return shell_error(PTR_ERR(f), "bench: %s does not open", device);
	while (s->n < s->max) {
		u64 start = rdtsc();
		for (u32 n = 0; n < CALLS; n++)
			(void)file_read(f, &byte, 1);
		stats_add(s, figure(b, rdtsc() - start) / CALLS);
	}
	file_close(f);
	return 0;
}

static int bench_call(struct bench *b)
{
	struct stats s;
	u64 cycles;

	stats_init(&s, b->sample, SAMPLES);
	int err = bench_load(b, "null", "", &cycles);
	if (err)
		return err;
	err = sample_read(b, "null", &s);
	if (!err && bench_remove(b, "null", 0, 0, &cycles))
		err = shell_error(-EBUSY, "bench: %s", b->unload.report.error);
	if (!err)
		print_figure(b, "a read through a device, into a module", &s, unit(b));
	return err;
}

static void nothing(void *arg, const struct regs *regs, u32 sp)
{
	(void)arg;
	(void)regs;
	(void)sp;
}

static int bench_ipi(struct bench *b)
{
	struct stats s;

	if (nr_cpus == 1)
		return 0;
	stats_init(&s, b->sample, SAMPLES);
	for (u32 i = 0; i < SAMPLES; i++) {
		u64 start = rdtsc();
		if (smp_call(cpus_others(), nothing, NULL, NSEC_PER_SEC))
			return shell_error(-ETIMEDOUT, "bench: a CPU did not answer within a second");
		stats_add(&s, figure(b, rdtsc() - start));
	}
	print_figure(b, "a broadcast IPI, acknowledged by all", &s, unit(b));
	return 0;
}

static int bench_boot(struct bench *b)
{
	struct stats s;

	stats_init(&s, b->sample, SAMPLES);
	stats_add(&s, (u32)div_u64(tsc_to_ns(boot_tsc_prompt - boot_tsc_start), NSEC_PER_USEC));
	print_figure(b, "from the loader's hand-over to the prompt", &s, "us");
	return 0;
}

/* -- the command ------------------------------------------------------------------------ */

static int bench_idle(struct bench *b)  { return bench_unload(b, false); }
static int bench_woken(struct bench *b) { return bench_unload(b, true); }

static const struct { const char *name; int (*run)(struct bench *b); } benches[] = {
	{ "boot", bench_boot }, { "unload", bench_idle }, { "unload-woken", bench_woken },
	{ "yield", bench_yield }, { "call", bench_call }, { "ipi", bench_ipi },
	{ "files", bench_files }, { "ipc", bench_ipc }, { "driver-homes", bench_homes },
};

static int bench_run(int argc, char **argv)
{
	bool json = take_flag(&argc, argv, "-j"), found = false;
	int err = reject_options(argc, argv);

	if (err)
		return err;
	struct bench *b = kzalloc(sizeof(*b));
	if (!b)
		return shell_error(-ENOMEM, "bench: no memory");
	bench_init(b, json);
	if (argc > 1 && streq(argv[1], "strategies")) {
		b->only = argv + 3;
		b->nr_only = MAX(argc - 3, 0);
		err = bench_strategies(b, argc > 2 ? argv[2] : NULL);
		found = true;
	}
	for (u32 i = 0; i < ARRAY_SIZE(benches) && !err && !shell_interrupted(); i++) {
		if (argc > 1 && !streq(argv[1], benches[i].name))
			continue;
		found = true;
		err = benches[i].run(b);
	}
	kfree(b);
	if (!found)
		return shell_error(-ENOENT, "bench: there is boot, unload, unload-woken, yield, call, ipi, files, ipc, driver-homes, strategies");
	return err;
}

static bool complete_bench(u32 i, char *out, u32 size)
{
	if (i > ARRAY_SIZE(benches))
		return false;
	strlcpy(out, i < ARRAY_SIZE(benches) ? benches[i].name : "strategies", size);
	return true;
}

const struct command bench_command = {
	"bench", "bench [-j] [boot | unload | unload-woken | yield | call | ipi | files | ipc | driver-homes | strategies [PART [STRATEGY]...]]",
	"what things cost: median, p99 and maximum; strategies: what each of them costs", bench_run, complete_bench,
};
