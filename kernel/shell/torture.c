/* torture: modules come and go at random under full use, in rounds, each of which leaves nothing behind. */
#include "shell/torture.h"
#include "lib/format.h"
#include "lib/math64.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "shell/balance_sheet.h"
#include "shell/commands.h"
#include "shell/waits.h"
#include "smp/lockstat.h"
#include "unload/graveyard.h"
#include "unload/unload.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/symbols.h"

#define ROUND_NS  NSEC_PER_SEC
#define STALL_NS  (2 * NSEC_PER_SEC)	/* of a worker: ten times what its longest step takes */

/* What all rounds came to. */
struct outcome {
	struct torture_counts counts;
	struct user_counts used;
	u32 rounds, uses;
	bool leak;
	u32 bad_seed;			/* of the round that failed */
};

/* Hazard modules exist to misbehave, those of churn are for -i, and a driver of a device that
 * not every machine has would say so at each load, and flood fills the console. */
static bool is_ordinary(const char *name, struct elf_view *v)
{
	struct load_error why;
	const void *file;
	u32 size;

	return !starts_with(name, "h_") && !starts_with(name, "churn_") && !streq(name, "flood") && !archive_find(name, &file, &size) &&
	       !elf_check(file, size, v, &why) && !elf_modinfo(v, "needs", 0);
}

/* 0, or -ENOMEM. */
static int list_ordinary(struct torture *t)
{
	struct elf_view *v = kzalloc(sizeof(*v));
	char name[MODULE_NAME_LEN];

	if (!v)
		return -ENOMEM;
	for (u32 i = 0; complete_archive_module(i, name, sizeof(name)); i++) {
		if (!is_ordinary(name, v))
			continue;
		if (t->nr_ordinary == MAX_ORDINARY)
			printk("torture: %s is left out, there are more than %u modules\n", name, MAX_ORDINARY);
		else
			strlcpy(t->ordinary[t->nr_ordinary++], name, MODULE_NAME_LEN);
	}
	kfree(v);
	return 0;
}

/* -- its tasks -------------------------------------------------------------------------- */

void torture_step(struct torturer *me)
{
	WRITE_ONCE(me->steps, me->steps + 1);
}

void torture_add(struct torture_counts *sum, const struct torture_counts *c)
{
	u32 *to = (u32 *)sum;
	const u32 *from = (const u32 *)c;

	_Static_assert(sizeof(*sum) % sizeof(u32) == 0, "all of it are counters");
	for (u32 i = 0; i < sizeof(*sum) / sizeof(u32); i++)
		to[i] += from[i];
}

static int start_worker(struct torture *t, u32 i)
{
	struct torturer *me = &t->worker[i];
	bool moves = i < NR_MOVERS;
	char name[TASK_NAME_LEN];

	if (moves && i >= nr_cpus)
		return 0;
	prng_seed(&me->rng, t->seed * 31 + i);
	snprintf(name, sizeof(name), moves ? "mover/%u" : "starter/%u", moves ? i : i - NR_MOVERS);
	struct task *task = task_create(name, TORTURE_PRIO, moves ? torture_mover : torture_starter, me);
	if (IS_ERR(task))
		return PTR_ERR(task);
	me->task = task;
	return 0;
}

static int start_all(struct torture *t)
{
	u32 nr = t->ordinary_too ? NR_MOVERS + NR_STARTERS : NR_MOVERS;
	int err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(t->worker); i++)
		t->worker[i] = (struct torturer){ .all = t, .last_step = clock_ns() };
	for (u32 i = 0; i < nr && !err; i++)
		err = start_worker(t, i);
	return err ? err : users_start(&t->users, MIN(4 * nr_cpus, (u32)MAX_USERS), NULL, t->seed, 1);
}

static void stop_all(struct torture *t, struct outcome *o)
{
	WRITE_ONCE(t->stop, true);
	for (u32 i = 0; i < ARRAY_SIZE(t->worker); i++) {
		struct torturer *me = &t->worker[i];
		if (!me->task)
			continue;
		join_aloud("torture", me->task);
		task_put(me->task);
		torture_add(&o->counts, &me->counts);
	}
	struct user_counts used = users_stop(&t->users);
	o->used.opens += used.opens;
	o->used.calls += used.calls;
	o->used.cut_off += used.cut_off;
}

/* Says of each that takes no step what it waits for. `steps`: what was seen last. */
static void look_for_stalls(struct torture *t, u32 *steps, u64 now)
{
	for (u32 i = 0; i < ARRAY_SIZE(t->worker); i++) {
		struct torturer *me = &t->worker[i];
		u32 is = READ_ONCE(me->steps);

		if (is != steps[i]) {
			steps[i] = is;
			me->last_step = now;
		} else if (me->task && now - me->last_step > STALL_NS) {
			say_what_waits("torture", me->task, me->last_step);
			me->last_step = now;
		}
	}
}

static void let_them(struct torture *t, u64 end)
{
	u32 steps[NR_MOVERS + NR_STARTERS] = { 0 };

	while (!clock_passed(end) && !shell_interrupted()) {
		sleep_interruptible_ns(MIN(20 * NSEC_PER_MSEC, end - clock_ns()));
		look_for_stalls(t, steps, clock_ns());
	}
}

/* -- rounds -------------------------------------------------------------------------------- */

/* 0, or an error: it could not begin. */
static int one_round(struct torture *t, const struct balance_sheet *before, u64 end, struct outcome *o)
{
	const char *was = strategy->name;
	u32 uses = graveyard_uses();

	t->stop = false;
	int err = start_all(t);
	if (!err)
		let_them(t, end);
	stop_all(t, o);
	torture_unload_all(&o->counts);
	if (t->ordinary_too)
		err = err ? err : strategy_choose(was);
	struct balance_sheet after = balance_after(before, NSEC_PER_SEC);
	o->uses += graveyard_uses() - uses;
	o->leak = !balance_compare("torture", before, &after);
	if (o->uses || o->leak)
		o->bad_seed = t->seed;
	o->rounds++;
	return err;
}

static int all_rounds(struct torture *t, u64 ns, struct outcome *o)
{
	struct torture_counts ignored = { 0 };
	u64 end = clock_ns() + ns;
	int err;

	torture_unload_all(&ignored);
	struct balance_sheet before = balance_before();
	end = clock_ns() + ns;
	do {
		err = one_round(t, &before, MIN(end, clock_ns() + ROUND_NS), o);
		t->seed++;
	} while (!err && !o->uses && !o->leak && !clock_passed(end) && !shell_interrupted());
	return err;
}

/* -- what came of it -------------------------------------------------------------------------- */

static const char *options_of(const struct torture *t)
{
	return t->ordinary_too ? " -a" : t->interface ? " -i" : "";
}

static u32 us_of(u32 cycles) { return (u32)div_u64(tsc_to_ns(cycles), NSEC_PER_USEC); }

#define LOCKS_SHOWN 4u

static void print_locks(void)
{
	struct longest_hold h = lockstat_longest_hold();
	char waiter[96], holder[96];
	struct lockstat s;

	for (u32 i = 0; i < LOCKS_SHOWN && lockstat_nth(i, &s); i++) {
		symbolise(s.waiter - 1, waiter, sizeof(waiter));
		symbolise(s.holder - 1, holder, sizeof(holder));
		printk("torture: spin lock '%s': %u waits, at most %u us, by %s for %s\n", s.name, s.waits,
		       us_of(s.longest), waiter, holder);
	}
	if (!h.cycles)
		return;
	symbolise(h.holder - 1, holder, sizeof(holder));
	printk("torture: longest hold: '%s', %u us, by %s\n", h.name, us_of(h.cycles), holder);
}

static void print_outcome(const struct torture *t, const struct outcome *o)
{
	const struct torture_counts *c = &o->counts;

	printk("torture: %u loads (%u refused), %u unloads (%u refused), %u retries, %u roll-backs, %u kills\n",
	       c->loads, c->load_failures, c->unloads, c->refused, c->retries, c->roll_backs, c->kills);
	if (t->ordinary_too)
		printk("torture: %u files revoked, %u inits that failed, %u processes, %u changes of strategy\n",
		       c->revoked, c->failed_inits, c->processes, c->replaced);
	print_locks();
	printk("torture: %u opens, %u calls, %u cut off; %u uses after unload, %s\n", o->used.opens,
	       o->used.calls, o->used.cut_off, o->uses, o->leak ? "LEAKS" : "no leaks");
	if (o->uses || o->leak)
		printk("torture: failed in round %u; again with: torture%s -t 1s -s %u\n", o->rounds, options_of(t),
		       o->bad_seed);
}

static void print_json(u32 seed, const struct outcome *o)
{
	const struct torture_counts *c = &o->counts;
	struct lockstat most = { .waits = 0 };
	struct json j;

	(void)!lockstat_nth(0, &most);
	json_begin(&j);
	json_u64(&j, "seed", seed);
	json_u64(&j, "cpus", nr_cpus);
	json_str(&j, "strategy", strategy->name);
	json_u64(&j, "rounds", o->rounds);
	json_u64(&j, "loads", c->loads);
	json_u64(&j, "load_failures", c->load_failures);
	json_u64(&j, "failed_inits", c->failed_inits);
	json_u64(&j, "unloads", c->unloads);
	json_u64(&j, "refused", c->refused);
	json_u64(&j, "retries", c->retries);
	json_u64(&j, "roll_backs", c->roll_backs);
	json_u64(&j, "revoked", c->revoked);
	json_u64(&j, "kills", c->kills);
	json_u64(&j, "processes", c->processes);
	json_u64(&j, "strategies", c->replaced);
	json_u64(&j, "calls", o->used.calls);
	json_u64(&j, "cut_off", o->used.cut_off);
	json_str(&j, "busiest_lock", most.name);
	json_u64(&j, "lock_waits", most.waits);
	json_u64(&j, "longest_wait_us", us_of(most.longest));
	json_u64(&j, "longest_hold_us", us_of(lockstat_longest_hold().cycles));
	json_u64(&j, "uses_after_unload", o->uses);
	json_bool(&j, "leak", o->leak);
	json_end(&j);
}

static int torture(struct torture *t, u64 ns, bool json)
{
	struct outcome o = { .rounds = 0 };
	u32 seed = t->seed;

	if (!json)
		printk("torture: seed %u, %u tasks move modules and %u use them\n", seed, MIN(nr_cpus, NR_MOVERS),
		       MIN(4 * nr_cpus, (u32)MAX_USERS));
	lockstat_start();
	int err = all_rounds(t, ns, &o);
	lockstat_stop();
	if (err)
		return shell_error(err, "torture: no memory for the tasks");
	if (json)
		print_json(seed, &o);
	else
		print_outcome(t, &o);
	return o.uses || o.leak ? -EIO : 0;
}

static int torture_run(int argc, char **argv)
{
	bool json = take_flag(&argc, argv, "-j"), interface = take_flag(&argc, argv, "-i");
	bool all = take_flag(&argc, argv, "-a"), missing, missing2;
	const char *seed = take_option(&argc, argv, "-s", &missing);
	const char *time = take_option(&argc, argv, "-t", &missing2);
	u64 ns = 10 * NSEC_PER_SEC;
	u32 s = 1;

	if (missing || (seed && parse_u32(seed, &s)))
		return shell_error(-EINVAL, "torture: -s wants a number");
	if (missing2 || (time && parse_duration(time, &ns)))
		return shell_error(-EINVAL, "torture: -t wants a time such as 30s");
	if (argc > 1)
		return usage_error("torture");
	struct torture *t = kzalloc(sizeof(*t));
	if (!t)
		return shell_error(-ENOMEM, "torture: no memory");
	t->seed = s;
	t->interface = interface || all;
	t->ordinary_too = all;
	int err = list_ordinary(t);
	err = err ? shell_error(err, "torture: no memory") : torture(t, ns, json);
	kfree(t);
	return err;
}

const struct command torture_command = {
	"torture", "torture [-a | -i] [-s SEED] [-t TIME] [-j]",
	"load and unload at random what is in use, then count what is wrong; -i: all of the interface, -a: "
	"and programs, strategies",
	torture_run, NULL,
};
