/* Which strategy is the chosen one, and how it becomes another one while modules are
 * loaded and in use. */
#include "entry/entry.h"
#include "entry/turnstile.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "unload/failed_load.h"
#include "unload/init_section.h"
#include "unload/inspect.h"
#include "unload/unload.h"
#include "x86/clock.h"
#include "x86/console.h"

#define SETTLE_NS (250 * NSEC_PER_MSEC)

const struct strategy *const strategies[] = {
	&naive_strategy,
	&never_free_strategy,
	&johnson_strategy,
	&phillips_strategy,
	&machek_strategy,
	&machek_anywhere_strategy,
	&owens_strategy,
	&owens_ticks_strategy,
	&owens_freezer_strategy,
	&owens_stop_strategy,
	&russell_strategy,
	&young_strategy,
	&rcu_strategy,
	&trap_strategy,
	&census_strategy,
};
const u32 nr_strategies = ARRAY_SIZE(strategies);
const struct strategy *strategy = &trap_strategy;

const struct strategy *strategy_find(const char *name)
{
	for (u32 i = 0; i < nr_strategies; i++) {
		if (streq(strategies[i]->name, name))
			return strategies[i];
	}
	return NULL;
}

/* Whoever is inside leaves by the turnstile that he came in by, and open files are
 * counted anew. Only who came in when calls were not counted would be missing for a
 * strategy that counts them: it has to wait until they have left. */
static bool must_settle(const struct strategy *s)
{
	return s->turnstile && s->turnstile->enter && s->turnstile != strategy->turnstile;
}

/* Claims all modules, so that nobody unloads one meanwhile. Caller holds
 * modules_mutex. */
static int claim_all(void)
{
	struct module *m;

	list_for_each(m, &modules, node) {
		/* One whose init failed goes by trap, whatever is chosen. */
		if (!m->failed && (m->unloading || m->owner.state != OWNER_LIVE))
			return -EBUSY;
	}
	list_for_each(m, &modules, node) {
		if (m->failed)
			continue;
		m->unloading = true;
		m->unloader_id = current->id;
		strlcpy(m->unloader, current->name, sizeof(m->unloader));
	}
	return 0;
}

/* Caller holds modules_mutex since claim_all() said 0, so all are this task's. */
static void unclaim_all(void)
{
	struct module *m;

	list_for_each(m, &modules, node)
		m->unloading = false;
}

/* Waits until everybody has been out of `m` once, since the turnstile was set: who is inside
 * then has come in by it, and is counted. It is LIVE: whoever is inside may make new records,
 * which are open, and go in by them; that is counted too. So nothing has to stay closed. What
 * is there is closed all the same, or a busy module would never be seen empty: new calls wait
 * at its gate, nobody is sent out. */
static int settle(struct module *m, u64 deadline)
{
	struct unload *u = kzalloc(sizeof(*u));
	struct inspection *in = kzalloc(sizeof(*in));
	int err = u && in ? 0 : -ENOMEM;

	if (err)
		goto out;
	u->mod = m;
	u->asker_sp = task_stack_top(current);
	inspection_init(in, u);
	entries_close(&m->owner);
	for (;;) {
		inspection_begin(in);
		if (census_look(in))
			break;
		if (clock_passed(deadline)) {
			err = -EBUSY;
			break;
		}
		sleep_ns(NSEC_PER_MSEC);
	}
	inspection_end(in);
	entries_reopen(&m->owner);
out:
	kfree(in);
	kfree(u);
	return err;
}

/* The modules are claimed, so they stay, and in the list. */
static int settle_all(void)
{
	u64 deadline = clock_ns() + SETTLE_NS;
	struct module *m;
	int err = 0;

	list_for_each(m, &modules, node) {
		if (!err && m->unloading && !m->failed)
			err = settle(m, deadline);
	}
	return err;
}

void strategy_set(const struct strategy *s)
{
	if (s->prepare)
		s->prepare();
	turnstile_set(s->turnstile);
	strategy = s;
}

int strategy_choose(const char *name)
{
	const struct strategy *s = strategy_find(name);
	int err;

	if (!s)
		return -ENOENT;
	if (s->prepare)
		s->prepare();
	mutex_lock(&modules_mutex);
	err = claim_all();
	if (!err) {
		turnstile_set(s->turnstile);
		if (must_settle(s))
			err = settle_all();
		if (err)
			turnstile_set(strategy->turnstile);
		else
			strategy = s;
		unclaim_all();
	}
	mutex_unlock(&modules_mutex);
	return err;
}

void unload_init(const char *name)
{
	failed_load_init();
	module_take_back = failed_load_take_back;
	module_init_done = init_section_done;
	if (*name && strategy_choose(name))
		printk("unload=%s: no such strategy, using trap; `strategy` lists them\n", name);
}
