/* One cell of the table: one hazard under one strategy. The verdict is what
 * the machine saw, in this order: a use after unload, a task or an unload that
 * does not end, a module that is neither here nor gone, something that did not
 * come back; only then what the unload itself answered. */
#include "shell/hazard.h"
#include "entry/irq.h"
#include "entry/stage.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/math64.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/modspace.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "sched/wait.h"
#include "shell/balance_sheet.h"
#include "shell/commands.h"
#include "unload/freezer.h"
#include "unload/graveyard.h"
#include "unload/remove.h"
#include "x86/clock.h"
#include "x86/console.h"

/* The first that is wrong is the verdict. */
static void find(struct cell *c, enum verdict v, const char *fmt, ...) printf_like(3, 4);
static void find(struct cell *c, enum verdict v, const char *fmt, ...)
{
	__builtin_va_list args;

	c->verdict = v;
	__builtin_va_start(args, fmt);
	vsnprintf(c->evidence, sizeof(c->evidence), fmt, args);
	__builtin_va_end(args);
}

static void add_evidence(struct cell *c, const char *fmt, ...) printf_like(2, 3);
static void add_evidence(struct cell *c, const char *fmt, ...)
{
	u32 len = strlen(c->evidence);
	__builtin_va_list args;

	__builtin_va_start(args, fmt);
	vsnprintf(c->evidence + len, sizeof(c->evidence) - len, fmt, args);
	__builtin_va_end(args);
}

u64 from_now(u64 ns)
{
	u64 at = clock_ns() + ns;

	while (modspace_holds((u32)at))
		at += NSEC_PER_MSEC;
	return at;
}

bool cell_is_loaded(const char *name)
{
	mutex_lock(&modules_mutex);
	bool there = module_find(name) != NULL;
	mutex_unlock(&modules_mutex);
	return there;
}

/* What keeps a failed load from being taken back, as `lsmod` says; "" when nothing does. */
static void in_the_way(const char *name, char *buf, u32 size)
{
	mutex_lock(&modules_mutex);
	const struct module *m = module_find(name);
	strlcpy(buf, m ? m->in_the_way : "", size);
	mutex_unlock(&modules_mutex);
}

static bool keeps_init_section(const char *name)
{
	mutex_lock(&modules_mutex);
	const struct module *m = module_find(name);
	bool kept = m && module_init_pages(m);
	mutex_unlock(&modules_mutex);
	return kept;
}

bool cell_wait(struct cell *c)
{
	if (!c->limit)
		c->limit = from_now(cell_limit(c));
	return actor_wait(c->main, c->limit);
}

/* The module that it wants loaded or gone: a driver may ask for another's end. */
static const char *target_of(const struct actor *a)
{
	return a->unload && a->unload->name[0] ? a->unload->name : a->device;
}

/* -- the end of the play -------------------------------------------------------------- */

/* In a task of its own, which may get stuck. */
bool cell_is_usable(struct cell *c, const char *module)
{
	struct actor *a = actor_start(c, "probe", act_call, "ioctl", module, 0, ~0u);

	return a && actor_wait(a, from_now(c->quarter)) && a->result == HAZARD_ALIVE;
}

/* When the hazard passed, if the unload began before that and ended after it; else 0. */
static u64 hazard_passed(struct cell *c)
{
	u64 passed = c->passed_at;

	for (u32 i = 0; i < c->nr_actors; i++) {
		struct actor *a = &c->actor[i];
		if ((a->act == act_deaf || a->act == act_peek) && actor_wait(a, from_now(3 * c->quarter)))
			passed = a->ended;
	}
	bool early = !c->main->unload || c->main->unload->start < passed;
	return passed && early && c->main->ended > passed ? passed : 0;
}

/* What the unload answered, and whether that is true. */
static void judge_answer(struct cell *c, const char *module, int err)
{
	const struct unload *u = c->main->unload;
	const char *said = u ? u->report.error : "";

	if (err == -ENOTSUP || err == -ENOSYS) {
		find(c, VERDICT_NA, "%s", said);
	} else if (err && cell_is_loaded(module)) {
		if (!cell_is_usable(c, module))
			find(c, VERDICT_HALF_DEAD, "%s: %s; the module does not answer its probe",
			     errno_name(err), said);
		else
			find(c, u && u->report.rolled_back ? VERDICT_ROLLED_BACK : VERDICT_REFUSED,
			     "%s: %s; probed, usable", errno_name(err), said);
	} else if (err && u && err != -ENOENT) {
		find(c, VERDICT_HALF_DEAD, "%s: %s; but the module is not there", errno_name(err), said);
	} else {
		u64 passed = hazard_passed(c);
		if (passed)
			find(c, VERDICT_WAITED, "waited, and was through %u us after",
			     (u32)div_u64(c->main->ended - passed, NSEC_PER_USEC));
		else
			find(c, VERDICT_SAFE, "through in %u us",
			     u ? (u32)div_u64(u->report.total_ns, NSEC_PER_USEC) : 0);
		if (!u)
			add_evidence(c, "; the load: %s%s", errno_name(err),
			             keeps_init_section(module) ? ", its init section stays" : "");
	}
}

/* How others fared who asked for the module to be loaded or unloaded. */
static void add_others(struct cell *c)
{
	for (u32 i = 0; i < c->nr_actors; i++) {
		const struct actor *a = &c->actor[i];
		bool asks = a->act == act_load || a->act == act_unload || is_program(a);
		bool known = a == c->main && c->verdict != VERDICT_UNSTAGED;
		if (asks && !known && a->result && actor_has_ended(a))
			add_evidence(c, "; %s: %s %s", actor_name(a), errno_name(a->result),
			             a->unload ? a->unload->report.error : "");
	}
}

/* What the strategy saw on its way: while the hazard lasted, if the script tried; who is
 * let go on may be seen again, where it does not matter any more. */
static void add_report(struct cell *c)
{
	const struct unload_report *r = &c->main->unload->report;
	const struct unload_insider *seen = c->main->seen.where[0] ? &c->main->seen : &r->insider[0];

	if (r->tries)
		add_evidence(c, "; %u tries", r->tries);
	if (r->nr_insiders)
		add_evidence(c, "; saw %s on CPU %u at %s", seen->task_name, seen->cpu, seen->where);
	if (r->exit_left_at[0])
		add_evidence(c, "; exit did not return, left at %s", r->exit_left_at);
	if (r->forgotten || r->forgotten_allocs)
		add_evidence(c, "; forgotten: %s, %u allocations", r->forgotten_names, r->forgotten_allocs);
	if (r->revoked)
		add_evidence(c, "; %u files cut off", r->revoked);
}

static void judge_main(struct cell *c)
{
	if (!c->main) {
		find(c, VERDICT_UNSTAGED, "the script asks for no unload");
		return;
	}
	if (!cell_wait(c)) {
		const struct task *t = c->main->task;
		char why[96];
		in_the_way(target_of(c->main), why, sizeof(why));
		find(c, VERDICT_HANG, "%s did not end by its deadline: %s on CPU %u%s%s; %s %s", t->name,
		     task_state_name(t), t->cpu, t->waiting_for[0] ? ", last waited for " : "",
		     t->waiting_for, target_of(c->main), cell_is_loaded(target_of(c->main)) ? "is there" : "is gone");
		if (why[0])
			add_evidence(c, ": %s", why);
		return;
	}
	judge_answer(c, target_of(c->main), c->main->result);
	if (c->main->unload)
		add_report(c);
}

/* Each of a crowd is judged as if it were the only one; the worst is the cell's. */
static void judge_crowd(struct cell *c)
{
	struct actor *main = c->main;
	enum verdict worst = VERDICT_SAFE;
	u32 count[NR_VERDICTS] = { 0 }, nr = c->nr_actors;
	char why[sizeof(c->evidence)] = "";

	/* All have to be through: who is probed while others freeze or stop everybody does
	 * not answer. */
	for (u32 i = 0; i < nr; i++) {
		if (c->actor[i].act == act_unload)
			(void)!actor_wait(&c->actor[i], clock_ns() + cell_limit(c));
	}
	for (u32 i = 0; i < nr; i++) {
		if (c->actor[i].act != act_unload)
			continue;
		c->main = &c->actor[i];
		c->evidence[0] = '\0';
		judge_main(c);
		count[c->verdict]++;
		if (!why[0] || c->verdict > worst)
			strlcpy(why, c->evidence, sizeof(why));
		worst = MAX(worst, c->verdict);
	}
	c->main = main;
	find(c, worst, "of %u:", c->nr_instances);
	for (u32 v = 0; v < NR_VERDICTS; v++) {
		if (count[v])
			add_evidence(c, " %u %s", count[v], verdict_names[v]);
	}
	add_evidence(c, "; %s", why);
}

/* Everybody may leave; who does not is asked, then killed, then named. */
static void drop_curtain(struct cell *c)
{
	WRITE_ONCE(c->curtain, true);
	stage.go = 1;
	sync_reset();
	wake_all(&stage.queue);
	thaw_tasks();
	for (u32 i = 0; i < c->nr_actors; i++) {
		if (is_program(&c->actor[i]))
			task_kill(c->actor[i].task);
	}
	for (u32 i = 0; i < c->nr_actors; i++) {
		struct actor *a = &c->actor[i];
		if (actor_wait(a, from_now(2 * c->quarter)))
			continue;
		if (c->verdict < VERDICT_UAF)
			find(c, VERDICT_HANG, "%s on CPU %u does not come back", actor_name(a), a->task->cpu);
		task_kill(a->task);
		if (!actor_wait(a, from_now(2 * c->quarter)))
			c->unfit = true;
	}
}

/* -- the clean slate ------------------------------------------------------------------- */

static bool any_left(char *name, u32 size)
{
	for (u32 i = 0; complete_loaded_module(i, name, size); i++) {
		if (starts_with(name, "h_"))
			return true;
	}
	return false;
}

/* By the default strategy, users first. */
static bool remove_one(struct cell *c)
{
	struct unload *u = c->main->unload ? c->main->unload : c->actor[0].unload;
	char name[MODULE_NAME_LEN];

	for (u32 i = 0; complete_loaded_module(i, name, sizeof(name)); i++) {
		if (!starts_with(name, "h_"))
			continue;
		strlcpy(u->name, name, sizeof(u->name));
		u->flags = UNLOAD_WAIT | UNLOAD_REVOKE;
		u->patience_ns = 4 * c->quarter;
		if (module_unload(u) == 0)
			return true;
	}
	return false;
}

static void remove_modules(struct cell *c)
{
	char name[MODULE_NAME_LEN];
	struct unload *own = c->main && c->main->unload ? NULL : kzalloc(sizeof(*own));
	struct actor borrowed = { .unload = own };
	struct actor *main = c->main;

	if (own)
		c->main = &borrowed;
	while (any_left(name, sizeof(name)) && remove_one(c))
		;
	c->main = main;
	kfree(own);
	if (any_left(name, sizeof(name))) {
		if (c->verdict != VERDICT_HANG)
			find(c, VERDICT_HALF_DEAD, "%s can be unloaded no more", name);
		c->unfit = true;
	}
}

/* What a clean-up forgot still leads into dead text, or memory was never given back.
 * Noted, then taken back for the next cell. */
static void judge_remains(struct cell *c)
{
	if (remains_count() && c->verdict < VERDICT_UAF) {
		c->verdict = VERDICT_LEAK;
		add_evidence(c, "; left behind");
	}
	(void)remains_sweep();
}

/* What was used where no fault tells: memory that was given back, another module. */
static void judge_silent_uses(struct cell *c)
{
	paddr_t frame = 0;
	u32 damaged = c->quarantine ? frame_quarantine_end(&frame) : 0;

	if (damaged)
		find(c, VERDICT_UAF, "frame 0x%llx was written to after it was freed; %u such frames", frame,
		     damaged);
	if (stage.nr_accused)
		find(c, VERDICT_UAF, "%s", stage.accusation);
}

static void judge_uses(struct cell *c, u32 uses)
{
	struct use_after_unload use;

	if (!uses)
		return;
	if (!graveyard_use_nth(MIN(uses, 16u) - 1, &use))
		return;
	static const char *const kind[] = { "reads", "writes", "executes" };
	find(c, VERDICT_UAF, "CPU %u, task %u (%s) %s %s from %s, unloaded by %s; %u uses", use.cpu,
	     use.task_id, use.task_name, kind[use.kind], use.where, use.eip_where, use.unloader, uses);
}

static void free_actors(struct cell *c)
{
	for (u32 i = 0; i < c->nr_actors; i++) {
		task_put(c->actor[i].task);
		kfree(c->actor[i].unload);
	}
	c->nr_actors = 0;
	c->main = NULL;
}

static struct cell *playing;		/* the director's */

/* rmmod on behalf of the module that an actor is inside of. */
static int rmmod_from_inside(const char *name)
{
	struct cell *c = playing;
	struct unload *u = kzalloc(sizeof(*u));
	struct actor *me = NULL;

	for (u32 i = 0; i < c->nr_actors; i++) {
		if (c->actor[i].task == current)
			me = &c->actor[i];
	}
	if (!u || !me) {
		kfree(u);
		return -ENOMEM;
	}
	strlcpy(u->name, name, sizeof(u->name));
	u->flags = UNLOAD_REVOKE;
	u->patience_ns = c->quarter;
	if (me->unload) {		/* it is in an exit already: whose unload is the main one */
		int err = module_unload(u);
		kfree(u);
		return err;
	}
	me->unload = u;
	c->main = me;
	return module_unload(u);
}

/* The director keeps off the CPU that interrupts of the stage go to, which may stay
 * in a handler, and off CPU 1, where scripts put those who do not let go of it. */
void take_the_chair(void)
{
	struct irq_info irq;
	u32 cpu = 0;

	for (u32 i = 0; irq_nth(i, &irq); i++) {
		if (strstr(irq.handlers, "h_") && irq.cpu == 0)
			cpu = nr_cpus - 1;
	}
	task_set_affinity(current, CPU_BIT(cpu));
	yield();	/* it moves when it passes through schedule() */
}

static void play_script(struct cell *c)
{
	c->start = clock_ns();
	playing = c;
	stage.rmmod = rmmod_from_inside;
	bool played = script_run(c) == 0;
	if (played && c->nr_instances)
		judge_crowd(c);
	else if (played)
		judge_main(c);
	if (!c->nr_instances)
		add_others(c);
}

static void play(struct cell *c)
{
	if (c->strategy == &server_home)
		server_play(c);
	else
		play_script(c);
	drop_curtain(c);
	modspace_reuse_at_once(false);
	hazard_wrap_end();
}

void cell_run(struct cell *c)
{
	const struct strategy *usual = strategy;
	bool laboratory = graveyard_laboratory;
	char name[MODULE_NAME_LEN];
	struct balance_sheet before, after;

	if (any_left(name, sizeof(name))) {
		find(c, VERDICT_UNSTAGED, "%s is loaded: no clean slate; rmmod it first", name);
		return;
	}
	stage.at = stage.go = stage.nr_accused = 0;
	stage.device.running = false;
	stage.ms = div_u64(c->quarter, 250);
	before = balance_take();
	u32 uses = graveyard_uses();
	graveyard_laboratory = true;
	if (c->strategy != &server_home)
		strategy_set(c->strategy);
	take_the_chair();
	task_boost(current, PRIO_TOP);	/* level with those whom an unload moves to the front */
	play(c);
	task_unboost(current, PRIO_TOP);
	task_set_affinity(current, ~0ull);
	strategy_set(&trap_strategy);
	if (!c->unfit)
		remove_modules(c);
	if (!c->unfit)
		judge_remains(c);
	strategy_set(usual);
	judge_uses(c, graveyard_uses() - uses);
	judge_silent_uses(c);
	graveyard_laboratory = laboratory;
	if (c->unfit)		/* somebody may stand on the pages that are kept: leave them */
		return;
	free_actors(c);
	after = balance_after(&before, c->quarter);
	if (!balance_compare(c->hazard.id, &before, &after)) {
		c->unfit = true;
		if (c->verdict < VERDICT_UAF)
			find(c, VERDICT_LEAK, "%u frames, %u bytes of heap, %u entry points, %u tasks more than before",
			     after.frames - before.frames, after.heap_bytes - before.heap_bytes,
			     after.entries - before.entries, after.tasks - before.tasks);
	}
}
