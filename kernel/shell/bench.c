/* bench: what things cost. Times come from the TSC. In deterministic mode
 * (icount=N on the command line) the TSC counts instructions of all CPUs
 * together, shifted by N, and the figures are instructions. */
#include "shell/commands.h"
#include "entry/chrdev.h"
#include "lib/math64.h"
#include "lib/parse.h"
#include "lib/stats.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "module/module.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "smp/ipi.h"
#include "unload/unload.h"
#include "x86/bootinfo.h"
#include "x86/clock.h"
#include "x86/console.h"

#define SAMPLES    64
#define SLEEPERS   20

struct bench {
	bool json;
	bool instructions;
	u32 shift;
	u32 sample[SAMPLES];
	struct unload unload;
	bool stop_sleepers;
	u32 rounds;
	struct wait_queue bed;
};

static void bench_init(struct bench *b, bool json)
{
	char value[8];

	b->json = json;
	if (cmdline_get(boot_info.cmdline, "icount", value, sizeof(value)) > 0)
		b->instructions = !parse_u32(value, &b->shift);
	wait_queue_init(&b->bed, "bench");
}

/* TSC cycles into what is printed: instructions or nanoseconds. */
static u32 figure(const struct bench *b, u64 cycles)
{
	return (u32)(b->instructions ? cycles >> b->shift : tsc_to_ns(cycles));
}

static const char *unit(const struct bench *b)
{
	return b->instructions ? "instructions" : "ns";
}

static void print_figure(const struct bench *b, const char *what, struct stats *s, const char *of)
{
	u32 median = stats_percentile(s, 50), p99 = stats_percentile(s, 99), max = stats_percentile(s, 100);

	if (!b->json) {
		printk("%-44s median %8u, p99 %8u, max %8u %s (%u samples)\n", what, median, p99, max, of, s->n);
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
}

/* -- load and unload ------------------------------------------------------------------ */

static void sleeper_task(void *arg)
{
	struct bench *b = arg;
	u32 seen = b->rounds;

	while (!READ_ONCE(b->stop_sleepers)) {
		(void)wait_event_core(&b->bed, b->stop_sleepers || READ_ONCE(b->rounds) != seen, WAIT_FOREVER);
		seen = b->rounds;
	}
}

static u32 start_sleepers(struct bench *b, struct task **task, u32 nr)
{
	u32 n = 0;

	b->stop_sleepers = false;
	for (; n < nr; n++) {
		task[n] = task_create("sleeper", PRIO_NORMAL, sleeper_task, b);
		if (IS_ERR(task[n]))
			break;
	}
	sleep_ms(20);
	return n;
}

static void stop_sleepers(struct bench *b, struct task **task, u32 n)
{
	WRITE_ONCE(b->stop_sleepers, true);
	wake_all(&b->bed);
	while (n--) {
		(void)!task_join(task[n], WAIT_FOREVER);
		task_put(task[n]);
	}
}

/* Loads and unloads `name` once; with `wake` every sleeper runs in between, so
 * that each has to be inspected. */
static int load_unload(struct bench *b, const char *name, bool wake, u64 *load, u64 *out)
{
	struct load_error why;

	u64 t0 = rdtsc();
	int err = module_load_by_name(name, "", NULL, &why);
	u64 t1 = rdtsc();
	if (err)
		return shell_error(err, "bench: %s", why.text);
	if (wake) {
		b->rounds++;
		wake_all(&b->bed);
		sleep_ms(2);
	}
	memset(&b->unload, 0, sizeof(b->unload));
	strlcpy(b->unload.name, name, sizeof(b->unload.name));
	u64 t2 = rdtsc();
	err = module_unload(&b->unload);
	u64 t3 = rdtsc();
	if (err)
		return shell_error(err, "bench: %s", b->unload.report.error);
	*load = t1 - t0;
	*out = t3 - t2;
	return 0;
}

static int bench_unload(struct bench *b, bool wake)
{
	u32 held[SAMPLES], out[SAMPLES];
	struct stats s_load, s_out, s_held;
	struct task *task[SLEEPERS];
	u32 broadcasts = 0, nr = 0;
	u64 load = 0, unload = 0;
	int err = 0;

	stats_init(&s_load, b->sample, SAMPLES);
	stats_init(&s_out, out, SAMPLES);
	stats_init(&s_held, held, SAMPLES);
	if (READ_ONCE(nr_tasks) < SLEEPERS)
		nr = start_sleepers(b, task, SLEEPERS - READ_ONCE(nr_tasks));
	console_mute(true);
	for (u32 i = 0; i < SAMPLES && !err; i++) {
		err = load_unload(b, "null", wake, &load, &unload);
		stats_add(&s_load, figure(b, load));
		stats_add(&s_out, figure(b, unload));
		stats_add(&s_held, (u32)b->unload.report.held_ns);
		broadcasts = MAX(broadcasts, b->unload.report.broadcasts);
	}
	console_mute(false);
	u32 tasks = READ_ONCE(nr_tasks);
	stop_sleepers(b, task, nr);
	if (err)
		return err;
	if (!wake)
		print_figure(b, "load an idle module", &s_load, unit(b));
	print_figure(b, wake ? "unload, every task has run since the load" : "unload an idle module", &s_out, unit(b));
	print_figure(b, "  CPUs held", &s_held, "ns");
	if (!b->json)
		printk("  with %u tasks, at most %u broadcasts, %u words read last\n", tasks, broadcasts,
		       b->unload.report.words);
	return 0;
}

/* -- yield ------------------------------------------------------------------------------ */

#define YIELDS 1000

static void yielder_task(void *arg)
{
	struct bench *b = arg;

	while (!READ_ONCE(b->stop_sleepers))
		yield();
}

/* Two tasks of one CPU at the asker's priority: itself, and one that only yields. */
static int bench_yield(struct bench *b)
{
	struct stats s;

	stats_init(&s, b->sample, SAMPLES);
	b->stop_sleepers = false;
	task_set_affinity(current, CPU_BIT(0));
	yield();
	struct task *t = task_create_on(0, "yielder", current->base_prio, yielder_task, b);
	if (IS_ERR(t))
		return shell_error(PTR_ERR(t), "bench: no memory for a task");
	task_set_affinity(t, CPU_BIT(0));
	yield();
	for (u32 i = 0; i < SAMPLES; i++) {
		u64 start = rdtsc();
		for (u32 n = 0; n < YIELDS; n++)
			yield();
		stats_add(&s, figure(b, rdtsc() - start) / (2 * YIELDS));
	}
	WRITE_ONCE(b->stop_sleepers, true);
	(void)!task_join(t, WAIT_FOREVER);
	task_put(t);
	task_set_affinity(current, ~0ull);
	print_figure(b, "a yield between two tasks of a CPU", &s, unit(b));
	return 0;
}

/* -- calls ------------------------------------------------------------------------------ */

#define CALLS 1000

static int bench_call(struct bench *b)
{
	struct load_error why;
	struct stats s;
	u8 byte;

	int err = module_load_by_name("null", "", NULL, &why);
	if (err)
		return shell_error(err, "bench: %s", why.text);
	struct file *f = file_open("null", 0);
	if (IS_ERR(f))
		return shell_error(PTR_ERR(f), "bench: null does not open");
	stats_init(&s, b->sample, SAMPLES);
	for (u32 i = 0; i < SAMPLES; i++) {
		u64 start = rdtsc();
		for (u32 n = 0; n < CALLS; n++)
			(void)file_read(f, &byte, 1);
		stats_add(&s, figure(b, rdtsc() - start) / CALLS);
	}
	file_close(f);
	memset(&b->unload, 0, sizeof(b->unload));
	strlcpy(b->unload.name, "null", sizeof(b->unload.name));
	err = module_unload(&b->unload);
	if (err)
		return shell_error(err, "bench: %s", b->unload.report.error);
	print_figure(b, "a read through a device, into a module", &s, unit(b));
	return 0;
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
	for (u32 i = 0; i < ARRAY_SIZE(benches) && !err && !shell_interrupted(); i++) {
		if (argc > 1 && !streq(argv[1], benches[i].name))
			continue;
		found = true;
		err = benches[i].run(b);
	}
	kfree(b);
	if (!found)
		return shell_error(-ENOENT, "bench: there is boot, unload, unload-woken, yield, call, ipi");
	return err;
}

static bool complete_bench(u32 i, char *out, u32 size)
{
	if (i >= ARRAY_SIZE(benches))
		return false;
	strlcpy(out, benches[i].name, size);
	return true;
}

const struct command bench_command = {
	"bench", "bench [-j] [boot | unload | unload-woken | yield | call | ipi]",
	"what things cost: median, p99 and maximum", bench_run, complete_bench,
};
