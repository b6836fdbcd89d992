/* What torture's movers do: a module at random is loaded if it is not there, and taken out if it is. */
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "shell/churn.h"
#include "shell/commands.h"
#include "shell/torture.h"
#include "shell/waits.h"
#include "unload/unload.h"
#include "x86/clock.h"
#include "x86/console.h"

/* Which of them: an ordinary module, or one that calls the whole interface. */
static bool random_module(const struct torture *t, struct prng *rng, char *name, u32 size)
{
	/* One of them takes as long to load as several others. */
	bool churns = t->interface && (!t->ordinary_too || !prng_below(rng, 6));

	if (!churns) {
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

static void load_one(const char *name, struct torturer *me)
{
	struct load_error why;
	int err = starts_with(name, "churn_") ? churn_load(name, &me->rng, &why) :
	          module_load_by_name(name, "", NULL, &why);

	if (!err)
		me->counts.loads++;
	else
		me->counts.load_failures++;
	if (err == -EIO)		/* what a churn module's init says when it was asked to fail */
		me->counts.failed_inits++;
}

/* A third of the unloads are polite, and mostly refused. */
static u32 random_flags(struct prng *rng)
{
	static const u32 flags[] = { 0, UNLOAD_WAIT, UNLOAD_REVOKE, UNLOAD_WAIT | UNLOAD_REVOKE,
		UNLOAD_WAIT | UNLOAD_REVOKE, UNLOAD_WAIT | UNLOAD_REVOKE };

	return flags[prng_below(rng, ARRAY_SIZE(flags))];
}

/* Most have time for a few looks, the others are rolled back where a task is inside. */
static u64 random_patience(struct prng *rng)
{
	if (!prng_below(rng, 3))
		return (1 + prng_below(rng, 100)) * NSEC_PER_USEC;
	return (1 + prng_below(rng, 20)) * NSEC_PER_MSEC;
}

#define LAST_PATIENCE (2 * NSEC_PER_SEC)	/* at the end, when all users have left */

static void say_who_stays(const struct unload *u)
{
	printk("torture: %s\n", u->report.error);
	for (u32 i = 0; i < MIN(u->report.nr_insiders, (u32)ARRAY_SIZE(u->report.insider)); i++) {
		struct task *t = task_find(u->report.insider[i].task_id);
		if (!t)
			continue;
		say_what_waits("torture", t, u->start);
		task_put(t);
	}
}

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
		say_who_stays(u);
	if (u->report.tries > 1)
		c->retries += u->report.tries - 1;
	if (u->report.rolled_back)
		c->roll_backs++;
	c->revoked += u->report.revoked;
	kfree(u);
}

/* One load or unload. */
static void move(void *arg)
{
	struct torturer *me = arg;
	char name[MODULE_NAME_LEN];

	if (!random_module(me->all, &me->rng, name, sizeof(name)))
		return;
	if (!is_loaded(name))
		load_one(name, me);
	else
		unload_one(name, random_flags(&me->rng), random_patience(&me->rng), &me->counts);
}

/* The same in a task of its own, which is killed while it is at work. */
static void move_and_be_killed(struct torturer *me)
{
	u64 after = prng_below(&me->rng, 2000) * NSEC_PER_USEC;
	struct task *t = task_create("killed", TORTURE_PRIO, move, me);

	if (IS_ERR(t))
		return;
	sleep_ns(after);
	task_kill(t);
	(void)!task_join(t, WAIT_FOREVER);
	task_put(t);
	me->counts.kills++;
}

/* Both keep their promises to modules that do all that a module may do. */
static void replace_strategy(struct torturer *me)
{
	if (!strategy_choose(prng_below(&me->rng, 2) ? "trap" : "census"))
		me->counts.replaced++;
}

static void one_step(struct torturer *me)
{
	torture_step(me);
	if (me->all->ordinary_too && !prng_below(&me->rng, 32))
		replace_strategy(me);
	else if (me->all->interface && !prng_below(&me->rng, 16))
		move_and_be_killed(me);
	else
		move(me);
}

/* Movers run before users, which have what they leave. On one CPU that would be next to nothing: there they leave as
 * much as they took. */
#define PAUSE_NS (300 * NSEC_PER_USEC)

void torture_mover(void *arg)
{
	struct torturer *me = arg;

	while (!READ_ONCE(me->all->stop)) {
		u64 begun = clock_ns();
		one_step(me);
		u64 taken = nr_cpus == 1 ? MIN(clock_ns() - begun, NSEC_PER_SEC) : 0;
		sleep_interruptible_ns(taken + prng_below(&me->rng, PAUSE_NS));
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

/* Leaves first: modules without users are unloaded, until all are. */
void torture_unload_all(struct torture_counts *c)
{
	char name[MODULE_NAME_LEN];
	u32 vetoes = 0;

	while (complete_loaded_module(0, name, sizeof(name)) && vetoes < MAX_VETOES) {
		if (!unload_any(c))
			vetoes++;
	}
}
