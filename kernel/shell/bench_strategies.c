/* What each strategy costs: the unload itself, idle and under use; what it adds where a
 * module is entered; the memory of a module; and how an unload grows. */
#include "entry/chrdev.h"
#include "entry/irq.h"
#include "entry/turnstile.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "shell/bench.h"
#include "shell/commands.h"
#include "shell/users.h"
#include "unload/graveyard.h"
#include "unload/remove.h"
#include "x86/apic.h"
#include "x86/clock.h"
#include "x86/console.h"

#define MODULE        "yardstick"
#define PATIENCE_NS   (50 * NSEC_PER_MSEC)	/* of one unload */
#define TRIES_OF_ONE  32			/* refused that often in a row: it is not to be had */
#define GROWTH        8				/* samples of each point of a curve */

/* What many unloads under one strategy came to. */
struct tally {
	const struct strategy *strategy;
	struct stats latency;
	u32 sample[SAMPLES];
	struct held longest;		/* TSC cycles */
	struct ipis ipis;		/* the most of one unload */
	u32 tries, broadcasts;		/* likewise */
	u32 asked, refused;
	u32 late_uses;			/* of code or data that was gone */
	u32 leaked;			/* bytes that one unload lost for good */
};

/* -- which strategies --------------------------------------------------------------------- */

static bool is_wanted(const struct bench *b, const struct strategy *s)
{
	for (int i = 0; i < b->nr_only; i++) {
		if (streq(b->only[i], s->name))
			return true;
	}
	return !b->nr_only;
}

static int check_wanted(const struct bench *b)
{
	for (int n = 0; n < b->nr_only; n++) {
		u32 i = 0;

		while (i < nr_strategies && !streq(b->only[n], strategies[i]->name))
			i++;
		if (i == nr_strategies)
			return shell_error(-ENOENT, "bench: no strategy is called %s; `strategy` lists them", b->only[n]);
	}
	return 0;
}

/* -- one strategy, many unloads -------------------------------------------------------- */

/* A refusal has its price, too. */
static void note(struct bench *b, struct tally *t, u64 cycles, int err)
{
	const struct unload_report *r = &b->unload.report;

	t->asked++;
	if (err)
		t->refused++;
	else
		stats_add(&t->latency, figure(b, cycles));
	t->longest.held = MAX(t->longest.held, r->held.held);
	t->longest.asker = MAX(t->longest.asker, r->held.asker);
	t->ipis.calls = MAX(t->ipis.calls, r->ipis.calls);
	t->ipis.reschedules = MAX(t->ipis.reschedules, r->ipis.reschedules);
	t->tries = MAX(t->tries, r->tries);
	t->broadcasts = MAX(t->broadcasts, r->broadcasts);
	t->leaked = MAX(t->leaked, r->leaked);
}

static bool is_loaded(void)
{
	mutex_lock(&modules_mutex);
	bool there = module_find(MODULE) != NULL;
	mutex_unlock(&modules_mutex);
	return there;
}

/* A refusal is a strategy's right: the asker comes back a little later. */
static int remove_in_the_end(struct bench *b, struct tally *t)
{
	u64 cycles;

	for (u32 i = 0; i < TRIES_OF_ONE; i++) {
		int err = bench_remove(b, MODULE, UNLOAD_WAIT, PATIENCE_NS, &cycles);
		note(b, t, cycles, err);
		if (!err)
			return 0;
		if (shell_interrupted())
			return -EINTR;
		sleep_ns(100 * NSEC_PER_USEC);
	}
	return 0;
}

/* `wake`: every sleeper runs between load and unload. */
static int sample_unloads(struct bench *b, struct tally *t, u32 nr, bool wake)
{
	u64 cycles;
	int err = 0;

	for (u32 i = 0; i < nr && !err && !shell_interrupted(); i++) {
		if (is_loaded())	/* it was not to be had */
			break;
		err = bench_load(b, MODULE, "", &cycles);
		if (!err && wake)
			sleepers_wake(&b->sleepers);
		if (!err)
			err = remove_in_the_end(b, t);
	}
	return err;
}

static void tally_init(struct tally *t, const struct strategy *s)
{
	memset(t, 0, sizeof(*t));
	t->strategy = s;
	stats_init(&t->latency, t->sample, SAMPLES);
}

/* Runs body(b, t) with `s` chosen; afterwards all is as before. */
static int under(struct bench *b, struct tally *t, const struct strategy *s,
                 int (*body)(struct bench *b, struct tally *t))
{
	const struct strategy *usual = strategy;
	u64 cycles;
	int err;

	tally_init(t, s);
	err = strategy_choose(s->name);
	if (err)
		return shell_error(err, "bench: %s cannot be chosen now: a module is coming, going or in use", s->name);
	console_mute(true);
	err = body(b, t);
	strategy_set(&trap_strategy);
	bool stays = is_loaded() && bench_remove(b, MODULE, UNLOAD_WAIT | UNLOAD_REVOKE, NSEC_PER_SEC, &cycles);
	remains_sweep();
	console_mute(false);
	strategy_set(usual);
	if (stays)
		return shell_error(-EBUSY, "bench: after %s: %s", s->name, b->unload.report.error);
	return err ? shell_error(err, "bench: %s: %s", s->name, errno_text(err)) : 0;
}

/* -- the unload, idle and under use ----------------------------------------------------- */

static int idle_unloads(struct bench *b, struct tally *t)
{
	return sample_unloads(b, t, SAMPLES, false);
}

/* Two tasks for each CPU open, read and close the device as fast as they can. Some
 * strategies free what is in use: in laboratory mode who is inside walks out, and is
 * counted. */
static int hammered_unloads(struct bench *b, struct tally *t)
{
	bool laboratory = graveyard_laboratory;
	struct users *users = kzalloc(sizeof(*users));
	int err = users ? users_start(users, 2 * nr_cpus, MODULE, 1, USERS_HARD) : -ENOMEM;

	if (!err) {
		u32 uses = graveyard_uses();
		graveyard_laboratory = true;
		err = sample_unloads(b, t, SAMPLES / 2, false);
		(void)users_stop(users);
		t->late_uses = graveyard_uses() - uses;
		graveyard_laboratory = laboratory;
		graveyard_clear();
	}
	kfree(users);
	return err;
}

static void print_tally_json(const struct bench *b, const char *measure, struct tally *t)
{
	struct json j;

	json_begin(&j);
	json_str(&j, "bench", "strategies");
	json_str(&j, "strategy", t->strategy->name);
	json_str(&j, "measure", measure);
	json_str(&j, "unit", unit(b));
	json_u64(&j, "cpus", nr_cpus);
	json_u64(&j, "tasks", READ_ONCE(nr_tasks));
	json_u64(&j, "median", stats_percentile(&t->latency, 50));
	json_u64(&j, "p99", stats_percentile(&t->latency, 99));
	json_u64(&j, "max", stats_percentile(&t->latency, 100));
	json_u64(&j, "samples", t->latency.n);
	json_u64(&j, "held", figure(b, t->longest.held));
	json_u64(&j, "asker_held", figure(b, t->longest.asker));
	json_u64(&j, "calls", t->ipis.calls);
	json_u64(&j, "reschedules", t->ipis.reschedules);
	json_u64(&j, "broadcasts", t->broadcasts);
	json_u64(&j, "tries", t->tries);
	json_u64(&j, "asked", t->asked);
	json_u64(&j, "refused", t->refused);
	json_u64(&j, "late_uses", t->late_uses);
	json_end(&j);
}

static void print_tally(const struct bench *b, struct tally *t)
{
	if (t->latency.n)
		printk("%-16s %9u %9u %9u", t->strategy->name, stats_percentile(&t->latency, 50),
		       stats_percentile(&t->latency, 99), stats_percentile(&t->latency, 100));
	else
		printk("%-16s %9s %9s %9s", t->strategy->name, "refused", "-", "-");
	printk(" %9u %7u %4u+%-4u %5u %4u/%-4u %5u\n", figure(b, t->longest.held),
	       figure(b, t->longest.asker), t->ipis.calls, t->ipis.reschedules, t->tries, t->refused,
	       t->asked, t->late_uses);
}

static int each_unload(struct bench *b, const char *measure, int (*body)(struct bench *b, struct tally *t))
{
	struct tally *t = kzalloc(sizeof(*t));
	int err = t ? 0 : shell_error(-ENOMEM, "bench: no memory");

	if (!err && !b->json)
		printk("%-16s %9s %9s %9s %9s %7s %9s %5s %9s %5s\n", measure, "median", "p99", "max", "held",
		       "asker", "IPIs", "tries", "refused", "late");
	for (u32 i = 0; i < nr_strategies && !err && !shell_interrupted(); i++) {
		if (!is_wanted(b, strategies[i]))
			continue;
		err = under(b, t, strategies[i], body);
		if (err)
			break;
		if (b->json)
			print_tally_json(b, measure, t);
		else
			print_tally(b, t);
	}
	kfree(t);
	return err;
}

static int idle(struct bench *b)
{
	if (!b->json)
		printk("unload of an idle module, %u CPUs, %u tasks; %s (held, asker: smp/held.h; IPIs: calls +\n"
		       "reschedules; late: uses of what was gone; the most of one unload, where it is no percentile)\n",
		       nr_cpus, READ_ONCE(nr_tasks), unit(b));
	return each_unload(b, "unload", idle_unloads);
}

static int hammer(struct bench *b)
{
	if (!b->json)
		printk("unload while %u tasks on %u CPUs open, read and close it as fast as they can; %s\n",
		       2 * nr_cpus, nr_cpus, unit(b));
	return each_unload(b, "hammer", hammered_unloads);
}

/* -- on the way in ------------------------------------------------------------------------ */

#define IRQ         5		/* of a second parallel port, once: edge-triggered, and mostly free */
#define OPENS       100
#define INTERRUPTS  100
#define ENTRY_RUNS  5

struct entry_cost { u32 open, read, irq, yield; };

static void sample_open(struct bench *b, struct stats *s)
{
	while (s->n < s->max) {
		u64 start = rdtsc();
		for (u32 n = 0; n < OPENS; n++) {
			struct file *f = file_open(MODULE, 0);
			if (!IS_ERR(f))
				file_close(f);
		}
		stats_add(s, figure(b, rdtsc() - start) / OPENS);
	}
}

/* Vector of the line that the module has; 0: it got none. */
static u8 find_vector(void)
{
	struct irq_info line;

	for (u32 i = 0; irq_nth(i, &line); i++) {
		if (streq(line.handlers, MODULE))
			return (u8)line.vector;
	}
	return 0;
}

/* This CPU interrupts itself, as the line would. */
static void sample_irq(struct bench *b, u8 vector, struct stats *s)
{
	while (s->n < s->max) {
		u64 start = rdtsc();
		for (u32 n = 0; n < INTERRUPTS; n++)
			lapic_send_self(vector);
		stats_add(s, figure(b, rdtsc() - start) / INTERRUPTS);
	}
}

static u32 median_of(struct stats *s)
{
	u32 median = stats_percentile(s, 50);

	s->n = 0;
	return median;
}

/* The module is loaded, with its interrupt if the line was free. */
static int measure_entry(struct bench *b, struct entry_cost *cost)
{
	u8 vector = find_vector();
	struct stats s;
	int err;

	stats_init(&s, b->sample, ENTRY_RUNS);
	sample_open(b, &s);
	cost->open = median_of(&s);
	if (vector)
		sample_irq(b, vector, &s);
	cost->irq = median_of(&s);
	err = sample_read(b, MODULE, &s);
	cost->read = median_of(&s);
	if (!err)
		err = sample_yield(b, &s);
	cost->yield = median_of(&s);
	return err;
}

static void print_entry(const struct bench *b, const struct strategy *s, const struct entry_cost *c,
                        const struct entry_cost *none)
{
	u32 bytes = s->module_bytes + nr_cpus * s->module_cpu_bytes;
	struct json j;

	if (!b->json) {
		printk("%-16s %7u %+6d %7u %+6d %7u %+6d %7u %+6d %7u\n", s->name, c->open,
		       (int)(c->open - none->open), c->read, (int)(c->read - none->read), c->irq,
		       (int)(c->irq - none->irq), c->yield, (int)(c->yield - none->yield), bytes);
		return;
	}
	json_begin(&j);
	json_str(&j, "bench", "strategies");
	json_str(&j, "strategy", s->name);
	json_str(&j, "measure", "entry");
	json_str(&j, "unit", unit(b));
	json_u64(&j, "cpus", nr_cpus);
	json_u64(&j, "open", c->open);
	json_u64(&j, "open_uncounted", none->open);
	json_u64(&j, "read", c->read);
	json_u64(&j, "read_uncounted", none->read);
	json_u64(&j, "irq", c->irq);
	json_u64(&j, "irq_uncounted", none->irq);
	json_u64(&j, "yield", c->yield);
	json_u64(&j, "yield_uncounted", none->yield);
	json_u64(&j, "module_bytes", bytes);
	json_end(&j);
}

/* Without a turnstile, whatever the strategy. */
static int measure_uncounted(struct bench *b, struct entry_cost *none)
{
	turnstile_set(NULL);
	int err = measure_entry(b, none);
	turnstile_set(strategy->turnstile);
	return err;
}

static int entry(struct bench *b)
{
	const struct strategy *usual = strategy;
	char irq[16];
	struct entry_cost none = { 0 }, c = { 0 };
	u64 cycles;
	int err;

	snprintf(irq, sizeof(irq), "irq=%u", IRQ);
	err = bench_load(b, MODULE, irq, &cycles);
	if (err)
		return err;
	err = measure_uncounted(b, &none);
	if (!err && !b->json)
		printk("the way into a module, and what the strategy adds to it; %s\n"
		       "%-16s %14s %14s %14s %14s %7s\n", unit(b), "entry", "open and close", "read",
		       "interrupt", "yield", "bytes");
	for (u32 i = 0; i < nr_strategies && !err && !shell_interrupted(); i++) {
		if (!is_wanted(b, strategies[i]))
			continue;
		err = strategy_choose(strategies[i]->name);
		if (!err)
			err = measure_entry(b, &c);
		if (!err)
			print_entry(b, strategies[i], &c, &none);
	}
	strategy_set(&trap_strategy);
	if (bench_remove(b, MODULE, UNLOAD_WAIT, NSEC_PER_SEC, &cycles) && !err)
		err = shell_error(-EBUSY, "bench: %s", b->unload.report.error);
	strategy_set(usual);
	return err;
}

/* -- how it grows --------------------------------------------------------------------------- */

#define MAX_POINTS 4

/* A curve of each strategy: medians at each point. */
struct growth {
	const char *measure, *of;
	u32 nr;
	u32 point[MAX_POINTS];
	u32 median[][MAX_POINTS];	/* by strategy; ~0: it was refused */
};

static int growth_unloads(struct bench *b, struct tally *t)
{
	return sample_unloads(b, t, GROWTH, false);
}

static int growth_woken_unloads(struct bench *b, struct tally *t)
{
	return sample_unloads(b, t, GROWTH, true);
}

static struct growth *growth_new(const char *measure, const char *of)
{
	struct growth *g = kzalloc(sizeof(*g) + nr_strategies * sizeof(g->median[0]));

	if (g) {
		g->measure = measure;
		g->of = of;
	}
	return g;
}

/* The point where there are `at` tasks (or modules) more. */
static int growth_point(struct bench *b, struct growth *g, u32 at, int (*body)(struct bench *b, struct tally *t))
{
	struct tally *t = kzalloc(sizeof(*t));
	int err = t ? 0 : shell_error(-ENOMEM, "bench: no memory");

	for (u32 i = 0; i < nr_strategies && !err && !shell_interrupted(); i++) {
		struct json j;

		if (!is_wanted(b, strategies[i]))
			continue;
		err = under(b, t, strategies[i], body);
		if (err)
			break;
		g->median[i][g->nr] = t->latency.n ? stats_percentile(&t->latency, 50) : ~0u;
		if (!b->json)
			continue;
		json_begin(&j);
		json_str(&j, "bench", "strategies");
		json_str(&j, "strategy", strategies[i]->name);
		json_str(&j, "measure", g->measure);
		json_str(&j, "unit", unit(b));
		json_u64(&j, "cpus", nr_cpus);
		json_u64(&j, "more", at);
		json_u64(&j, "median", stats_percentile(&t->latency, 50));
		json_u64(&j, "max", stats_percentile(&t->latency, 100));
		json_u64(&j, "held", figure(b, t->longest.held));
		json_u64(&j, "asker_held", figure(b, t->longest.asker));
		json_u64(&j, "words", b->unload.report.words);
		json_u64(&j, "samples", t->latency.n);
		json_u64(&j, "refused", t->refused);
		json_end(&j);
	}
	g->point[g->nr++] = at;
	kfree(t);
	return err;
}

/* What one more costs: the slope between the last two points, in tenths. */
static int slope(const u32 *median, const struct growth *g)
{
	u32 n = g->nr;

	if (n < 2)
		return 0;
	return (int)(median[n - 1] - median[n - 2]) * 10 / (int)(g->point[n - 1] - g->point[n - 2]);
}

static void print_growth(const struct bench *b, const struct growth *g)
{
	if (b->json || !g->nr)
		return;
	printk("median of an unload, %s; %s\n%-16s", g->of, unit(b), g->measure);
	for (u32 n = 0; n < g->nr; n++)
		printk(" %11u", g->point[n]);
	printk("    each more\n");
	for (u32 i = 0; i < nr_strategies; i++) {
		int tenths = slope(g->median[i], g);

		if (!is_wanted(b, strategies[i]))
			continue;
		printk("%-16s", strategies[i]->name);
		for (u32 n = 0; n < g->nr; n++)
			printk(" %11u", g->median[i][n]);
		printk(" %9d.%d\n", tenths / 10, ABS(tenths) % 10);
	}
}

static int tasks(struct bench *b)
{
	static const u32 points[MAX_POINTS] = { 10, 100, 1000, 10000 };
	struct growth *rest = growth_new("tasks", "with so many more tasks that have slept since before its load");
	struct growth *ran = growth_new("tasks-ran", "with so many more tasks, each of which has run since its load");
	int err = rest && ran ? 0 : shell_error(-ENOMEM, "bench: no memory");

	for (u32 i = 0; i < MAX_POINTS && !err && !shell_interrupted(); i++) {
		err = sleepers_start(&b->sleepers, points[i]);
		if (err)
			break;
		err = growth_point(b, rest, points[i], growth_unloads);
		if (!err)
			err = growth_point(b, ran, points[i], growth_woken_unloads);
		sleepers_stop(&b->sleepers);
	}
	if (!err) {
		print_growth(b, rest);
		print_growth(b, ran);
	}
	kfree(rest);
	kfree(ran);
	return err;
}

/* The module under other names. */
static int load_fillers(struct bench *b, u32 from, u32 to)
{
	const void *file;
	struct load_error why;
	char name[24], params[40];
	u32 size;

	(void)b;
	int err = archive_find(MODULE, &file, &size);
	for (u32 i = from; i < to && !err; i++) {
		snprintf(name, sizeof(name), "filler%u", i);
		snprintf(params, sizeof(params), "name=%s", name);
		err = module_load(name, file, size, params, NULL, &why);
	}
	return err ? shell_error(err, "bench: no room for %u modules", to) : 0;
}

static int unload_fillers(struct bench *b, u32 nr)
{
	char name[24];
	u64 cycles;
	int err = 0;

	for (u32 i = 0; i < nr; i++) {
		snprintf(name, sizeof(name), "filler%u", i);
		if (bench_remove(b, name, UNLOAD_WAIT, 0, &cycles) && b->unload.mod)
			err = shell_error(-EBUSY, "bench: %s", b->unload.report.error);
	}
	return err;
}

static int modules_there(struct bench *b)
{
	static const u32 points[MAX_POINTS] = { 0, 10, 100, 200 };
	struct growth *g = growth_new("modules", "with so many other modules");
	const struct strategy *usual = strategy;
	u32 there = 0;
	int err = g ? 0 : shell_error(-ENOMEM, "bench: no memory");

	for (u32 i = 0; i < MAX_POINTS && !err && !shell_interrupted(); i++) {
		err = load_fillers(b, there, points[i]);
		there = points[i];
		if (!err)
			err = growth_point(b, g, points[i], growth_unloads);
	}
	strategy_set(&trap_strategy);
	int left = unload_fillers(b, there);
	strategy_set(usual);
	if (!err)
		print_growth(b, g);
	kfree(g);
	return err ? err : left;
}

/* -- the command ---------------------------------------------------------------------------- */

static const struct { const char *name; int (*run)(struct bench *b); } parts[] = {
	{ "idle", idle }, { "hammer", hammer }, { "entry", entry }, { "tasks", tasks },
	{ "modules", modules_there },
};

int bench_strategies(struct bench *b, const char *part)
{
	bool found = false;
	int err = check_wanted(b);

	if (err)
		return err;
	if (is_loaded())
		return shell_error(-EEXIST, "bench: " MODULE " is loaded; rmmod it first");
	for (u32 i = 0; i < ARRAY_SIZE(parts) && !err && !shell_interrupted(); i++) {
		if (part && !streq(part, parts[i].name))
			continue;
		found = true;
		err = parts[i].run(b);
	}
	if (!found)
		return shell_error(-ENOENT, "bench: strategies has the parts idle, hammer, entry, tasks, modules");
	return err;
}
