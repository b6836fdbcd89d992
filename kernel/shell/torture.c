/* torture: modules come and go at random under full use. */
#include "shell/commands.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/prng.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "module/module.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "shell/balance_sheet.h"
#include "shell/churn.h"
#include "shell/users.h"
#include "unload/graveyard.h"
#include "unload/unload.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/console.h"

#define NR_MOVERS    3u		/* tasks that load and unload */
#define MAX_ORDINARY 64u	/* modules of the archive that are loaded without -i */

struct torture_counts {
	u32 loads, load_failures, unloads, refused, retries, roll_backs, kills;
};

struct torture {
	/* Fixed. */
	u32 seed;
	bool interface;			/* modules that call the whole interface, and kills */
	u32 nr_ordinary;
	char ordinary[MAX_ORDINARY][MODULE_NAME_LEN];
	struct users users;
	struct mover { struct torture *all; struct task *task; u32 index;
		struct prng rng; struct torture_counts counts; } mover[NR_MOVERS];
	/* Atomic. */
	bool stop;
};

/* Hazard modules exist to misbehave, those of churn are for -i, and a driver of a device that
 * not every machine has would say so at each load. */
static bool is_ordinary(const char *name, struct elf_view *v)
{
	struct load_error why;
	const void *file;
	u32 size;

	return !starts_with(name, "h_") && !starts_with(name, "churn_") && !archive_find(name, &file, &size) &&
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

/* Which of them: an ordinary module or, with -i, one that calls the whole interface. */
static bool random_module(const struct torture *t, struct prng *rng, char *name, u32 size)
{
	if (!t->interface) {
		if (t->nr_ordinary)
			strlcpy(name, t->ordinary[prng_below(rng, t->nr_ordinary)], size);
		return t->nr_ordinary;
	}
	churn_name(prng_below(rng, NR_CHURN), name, size);
	return true;
}

static bool is_loaded(const char *name)
{
	mutex_lock(&modules_mutex);
	bool there = module_find(name) != NULL;
	mutex_unlock(&modules_mutex);
	return there;
}

static void load_one(struct torture *t, const char *name, struct prng *rng, struct torture_counts *c)
{
	struct load_error why;
	int err = t->interface ? churn_load(name, rng, &why) : module_load_by_name(name, "", NULL, &why);

	if (err)
		c->load_failures++;
	else
		c->loads++;
}

/* Half of the unloads are polite, the others are not. */
static u32 random_flags(struct prng *rng)
{
	static const u32 flags[] = { 0, UNLOAD_WAIT, UNLOAD_REVOKE, UNLOAD_WAIT | UNLOAD_REVOKE };

	return flags[prng_below(rng, ARRAY_SIZE(flags))];
}

#define LAST_PATIENCE (2 * NSEC_PER_SEC)	/* at the end, when all users have left */

static void unload_one(const char *name, u32 flags, u64 patience, struct torture_counts *c)
{
	struct unload *u = kzalloc(sizeof(*u));

	if (!u)
		return;
	strlcpy(u->name, name, sizeof(u->name));
	u->flags = flags;
	u->patience_ns = patience;
	int err = module_unload(u);
	if (!err)
		c->unloads++;
	else
		c->refused++;
	/* No user is left: a word on a stack that looks like an address of it. */
	if (err && patience == LAST_PATIENCE && u->report.nr_insiders)
		printk("torture: %s\n", u->report.error);
	if (u->report.tries > 1)
		c->retries += u->report.tries - 1;
	if (u->report.rolled_back)
		c->roll_backs++;
	kfree(u);
}

/* One load or unload. */
static void move(void *arg)
{
	struct mover *me = arg;
	char name[MODULE_NAME_LEN];

	if (!random_module(me->all, &me->rng, name, sizeof(name)))
		return;
	if (!is_loaded(name))
		load_one(me->all, name, &me->rng, &me->counts);
	else
		unload_one(name, random_flags(&me->rng), (1 + prng_below(&me->rng, 20)) * NSEC_PER_MSEC,
		           &me->counts);
}

/* The same in a task of its own, which is killed while it is at work. */
static void move_and_be_killed(struct mover *me)
{
	u64 after = prng_below(&me->rng, 2000) * NSEC_PER_USEC;
	struct task *t = task_create("killed", PRIO_NORMAL, move, me);

	if (IS_ERR(t))
		return;
	sleep_ns(after);
	task_kill(t);
	(void)!task_join(t, WAIT_FOREVER);
	task_put(t);
	me->counts.kills++;
}

static void mover_task(void *arg)
{
	struct mover *me = arg;

	prng_seed(&me->rng, me->all->seed * 31 + me->index);
	while (!READ_ONCE(me->all->stop)) {
		if (me->all->interface && !prng_below(&me->rng, 4))
			move_and_be_killed(me);
		else
			move(me);
		if (!prng_below(&me->rng, 4))
			sleep_interruptible_ns(prng_below(&me->rng, 2000) * NSEC_PER_USEC);
	}
}

/* A module may say no a few times in a row, and that is no leak. */
#define MAX_VETOES 20

/* Unloads one that is used by none, if there is any that goes. */
static bool unload_any(struct torture_counts *c)
{
	char name[MODULE_NAME_LEN];

	for (u32 i = 0; complete_loaded_module(i, name, sizeof(name)); i++) {
		u32 before = c->unloads;
		unload_one(name, UNLOAD_WAIT | UNLOAD_REVOKE, LAST_PATIENCE, c);
		if (c->unloads != before)
			return true;
	}
	return false;
}

/* Leaves first: what is used by nobody goes, until all have gone. */
static void unload_all(struct torture_counts *c)
{
	char name[MODULE_NAME_LEN];
	u32 vetoes = 0;

	while (complete_loaded_module(0, name, sizeof(name)) && vetoes < MAX_VETOES) {
		if (!unload_any(c))
			vetoes++;
	}
}

static int start_movers(struct torture *t)
{
	for (u32 i = 0; i < NR_MOVERS; i++) {
		struct mover *m = &t->mover[i];
		char name[TASK_NAME_LEN];
		*m = (struct mover){ .all = t, .index = i };
		snprintf(name, sizeof(name), "mover/%u", i);
		m->task = task_create(name, PRIO_NORMAL, mover_task, m);
		if (IS_ERR(m->task)) {
			int err = PTR_ERR(m->task);
			m->task = NULL;
			return err;
		}
	}
	return 0;
}

static struct torture_counts stop_all(struct torture *t, struct user_counts *used)
{
	struct torture_counts sum = { 0 };

	WRITE_ONCE(t->stop, true);
	for (u32 i = 0; i < NR_MOVERS; i++) {
		struct mover *m = &t->mover[i];
		if (!m->task)
			continue;
		(void)!task_join(m->task, WAIT_FOREVER);
		task_put(m->task);
		sum.loads += m->counts.loads;
		sum.load_failures += m->counts.load_failures;
		sum.unloads += m->counts.unloads;
		sum.refused += m->counts.refused;
		sum.retries += m->counts.retries;
		sum.roll_backs += m->counts.roll_backs;
		sum.kills += m->counts.kills;
	}
	*used = users_stop(&t->users);
	return sum;
}

static void report(const struct torture *t, const struct torture_counts *c,
                   const struct user_counts *used, u32 uses, bool leak, bool json)
{
	struct json j;

	if (!json) {
		printk("torture: %u loads (%u refused), %u unloads (%u refused), %u retries, %u roll-backs, %u kills\n",
		       c->loads, c->load_failures, c->unloads, c->refused, c->retries, c->roll_backs,
		       c->kills);
		printk("torture: %u opens, %u calls, %u cut off; %u uses after unload, %s\n", used->opens,
		       used->calls, used->cut_off, uses, leak ? "LEAKS" : "no leaks");
		if (uses || leak)
			printk("torture: failed; again with: torture%s -s %u\n", t->interface ? " -i" : "", t->seed);
		return;
	}
	json_begin(&j);
	json_u64(&j, "seed", t->seed);
	json_u64(&j, "cpus", nr_cpus);
	json_str(&j, "strategy", strategy->name);
	json_u64(&j, "loads", c->loads);
	json_u64(&j, "load_failures", c->load_failures);
	json_u64(&j, "unloads", c->unloads);
	json_u64(&j, "refused", c->refused);
	json_u64(&j, "retries", c->retries);
	json_u64(&j, "roll_backs", c->roll_backs);
	json_u64(&j, "kills", c->kills);
	json_u64(&j, "calls", used->calls);
	json_u64(&j, "cut_off", used->cut_off);
	json_u64(&j, "uses_after_unload", uses);
	json_bool(&j, "leak", leak);
	json_end(&j);
}

static int torture(struct torture *t, u64 ns, bool json)
{
	struct balance_sheet before, after;
	struct user_counts used = { 0 };
	struct torture_counts counts = { 0 };
	u32 uses = graveyard_uses();

	unload_all(&counts);
	before = balance_before();
	int err = start_movers(t);
	if (!err)
		err = users_start(&t->users, MIN(4 * nr_cpus, (u32)MAX_USERS), NULL, t->seed);
	if (!err && !json)
		printk("torture: seed %u, %u tasks move modules and %u use them\n", t->seed, NR_MOVERS, t->users.nr);
	u64 end = clock_ns() + ns;
	while (!err && !clock_passed(end) && !shell_interrupted())
		sleep_interruptible_ns(20 * NSEC_PER_MSEC);
	counts = stop_all(t, &used);
	unload_all(&counts);
	if (err)
		return shell_error(err, "torture: no memory for the tasks");
	after = balance_after(&before, NSEC_PER_SEC);
	uses = graveyard_uses() - uses;
	bool leak = !balance_compare("torture", &before, &after);
	report(t, &counts, &used, uses, leak, json);
	return uses || leak ? -EIO : 0;
}

static int torture_run(int argc, char **argv)
{
	bool json = take_flag(&argc, argv, "-j"), interface = take_flag(&argc, argv, "-i");
	bool missing, missing2;
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
	t->interface = interface;
	int err = list_ordinary(t);
	err = err ? shell_error(err, "torture: no memory") : torture(t, ns, json);
	kfree(t);
	return err;
}

const struct command torture_command = {
	"torture", "torture [-i] [-s SEED] [-t TIME] [-j]",
	"load and unload everything at random while it is used, then count what is wrong; -i: modules "
	"that call the whole interface at random, inits that fail, tasks that are killed",
	torture_run, NULL,
};
