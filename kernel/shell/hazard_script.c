/* The script of a hazard: steps, separated by semicolons.
 *
 *   insmod M | load M            load module M here | in a task of its own
 *   starve                       load and unload M; each allocation fails once
 *   unload [FLAG...] [M]         ask for an unload in a task of its own; FLAG is wait,
 *                                revoke, force, or brief: it is given up after a quarter of
 *                                a second, where somebody stays; else after a whole one,
 *                                which costs no time and is enough on a busy host, too
 *   call WHAT [N] [CPU] [M]      a task opens M's device and does read, write, ioctl,
 *                                open, or loop (on CPU; - is anywhere)
 *   program NAME ARG...          a process runs NAME, told ARGs and how long a quarter of a
 *                                second is, in us; ended at the curtain
 *   rmmod [ARG...]               the same: h_client, which asks for M's unload; told how long
 *                                that is to try
 *   ask N                        a task does ioctl N and is waited for
 *   hold P [N] | held P          sync point P: hold N there | wait until one is
 *   spin P [N [K]]               as hold; they spin there and keep their CPUs (the Kth task
 *                                of the stage only)
 *   linger P MS                  each task that passes P spins there for so long
 *   free P [aside]               let them go on; the hazard is over, or (aside) is not
 *   at N | go                    wait until N stand where they are wanted | let them go
 *   hog CPU | deaf CPU PERCENT   occupy a CPU | switch its interrupts off for part of
 *                                a quarter
 *   yields CPU                   a task of low priority passes through schedule() all the time
 *   stir P                       load and unload another module until a task is held at P
 *   wrap                         each counter of the safety path is brought near its end
 *   busy CPU                     keep preemption off there, interrupts on, until the curtain
 *   peek CPU PERCENT             the same; that CPU looks at the stage's page before and after
 *   quarantine                   what is freed from now on is poisoned and watched
 *   reuse                        addresses that become free are handed out at once
 *   transfer                     the stage's device writes, unless it was stopped
 *   strategy [NAME]              another one is chosen, or the cell's again
 *   notify | wake | nmis         walk the stage's chain | wake its queue | fire NMIs
 *   show COMMAND                 a task runs a command of the prompt (lsmod, ps)
 *   try [PERCENT]                let the unload be over, if it can be: it has half of a
 *                                quarter, which is longer than any strategy waits blindly,
 *                                and until each CPU has passed through schedule() four times
 *                                (but four times as long at most), or a quarter of that and
 *                                ten looks found insiders
 *   out                          wait until the unload is over
 *   left                         wait until all who called have come back
 *   gone                         wait until the module is not there any more
 *   sleep MS | kill [N]          wait | kill the Nth task of the stage, or the one that
 *                                asked for the unload
 *
 *   each N STEP                  STEP for M_0 ... M_(N-1), instances of the module
 *   cpus N                       not on a machine with fewer
 *
 * M is the module of the hazard unless named. MS are milliseconds when deadlines are not
 * scaled (-x), and are scaled with them. */
#include "shell/hazard.h"
#include "entry/stage.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/math64.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/modspace.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "shell/commands.h"
#include "smp/ipi.h"
#include "unload/freezer.h"
#include "unload/graveyard.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/paging.h"

#define MAX_WORDS 7

struct step {
	struct cell *c;
	const char *module;		/* M, unless it is named */
	int argc;
	char *word[MAX_WORDS];
};

/* The i-th word, or what stands for one that is not there. */
static const char *word(const struct step *s, int i, const char *otherwise)
{
	return i < s->argc && !streq(s->word[i], "-") ? s->word[i] : otherwise;
}

static u32 number(const struct step *s, int i, u32 otherwise)
{
	u32 n;

	return i < s->argc && !parse_u32(s->word[i], &n) ? n : otherwise;
}

/* The i-th word in milliseconds. */
static u64 duration(const struct step *s, int i, u32 otherwise)
{
	return stage.ms * number(s, i, otherwise);
}

/* For what is sure to come about: on a slow machine it is late, and the cell could not be staged. */
static u64 deadline(const struct step *s)
{
	return from_now(8 * s->c->quarter);
}

static int on_stage(const struct step *s, const char *name, int (*act)(struct actor *a), u32 arg,
                    u32 cpu)
{
	return actor_start(s->c, name, act, "", s->module, arg, cpu) ? 0 : -ENOMEM;
}

/* The hazard is lifted: an unload that is still at work has waited for it, and may
 * be through soon. */
static void note_passed(struct cell *c)
{
	c->limit = 0;
	if (c->main && !c->passed_at && !actor_has_ended(c->main))
		c->passed_at = clock_ns();
}

/* -- steps ------------------------------------------------------------------------- */

/* In a task of its own, too: what the loader leaves on its stack goes with it. */
static int do_insmod(struct step *s)
{
	struct actor *a = actor_start(s->c, "insmod", act_load, "", word(s, 1, s->module), 0, ~0u);

	if (!a)
		return -ENOMEM;
	if (!actor_wait(a, deadline(s)))
		return -ETIMEDOUT;
	take_the_chair();
	return a->result;
}

static int do_load(struct step *s)
{
	struct actor *a = actor_start(s->c, "insmod", act_load, "", word(s, 1, s->module), 0, ~0u);

	if (a && !s->c->main)
		s->c->main = a;
	return a ? 0 : -ENOMEM;
}

static int do_starve(struct step *s)
{
	s->c->main = actor_start(s->c, "starved", act_starve, "", s->module, 0, ~0u);
	return s->c->main ? 0 : -ENOMEM;
}

static bool flag_of(const char *text, u32 *flags)
{
	*flags |= streq(text, "wait")   ? UNLOAD_WAIT :
	          streq(text, "revoke") ? UNLOAD_REVOKE :
	          streq(text, "force")  ? UNLOAD_FORCE : 0;
	return streq(text, "wait") || streq(text, "revoke") || streq(text, "force");
}

/* For the one who is judged: a CPU that no script holds (CPU 1, and CPU 0 when interrupts of the
 * stage go there), and if there are enough not the director's, whom an unload may hold up. */
static u32 free_cpu(void)
{
	u32 mine = this_cpu()->id, last = nr_cpus - 1;

	if (nr_cpus < 3 || (mine == last && last == 2))
		return mine;
	return mine == last ? last - 1 : last;
}

static int do_unload(struct step *s)
{
	const char *module = s->module;
	u32 flags = 0;

	for (int i = 1; i < s->argc; i++) {
		if (streq(s->word[i], "brief"))
			s->c->brief = true;
		else if (!flag_of(s->word[i], &flags))
			module = s->word[i];
	}
	u32 cpu = s->c->main || s->c->nr_instances ? ~0u : free_cpu();
	struct actor *a = actor_start(s->c, "rmmod", act_unload, "", module, flags, cpu);
	if (a && (!s->c->main || s->c->main->act != act_unload))
		s->c->main = a;
	return a ? 0 : -ENOMEM;
}

static int do_call(struct step *s)
{
	return actor_start(s->c, "caller", act_call, word(s, 1, "open"),
	                   word(s, 4, s->module), number(s, 2, 1),
	                   number(s, 3, ~0u)) ? 0 : -ENOMEM;
}

static int do_ask(struct step *s)
{
	struct actor *a = actor_start(s->c, "asker", act_call, "ioctl", s->module, number(s, 1, 0),
	                              ~0u);

	return !a ? -ENOMEM : actor_wait(a, deadline(s)) ? 0 : -ETIMEDOUT;
}

/* The words from the i-th on, behind those in text. */
static void join_words(const struct step *s, int i, char *text, u32 size)
{
	for (; i < s->argc; i++)
		snprintf(text + strlen(text), size - strlen(text), "%s%s", text[0] ? " " : "", s->word[i]);
}

static int do_program(struct step *s)
{
	char line[64] = "";

	join_words(s, 1, line, sizeof(line));
	return actor_start(s->c, "program", act_program, line, s->module, 0, ~0u) ? 0 : -ENOMEM;
}

static int do_rmmod(struct step *s)
{
	char line[64];

	snprintf(line, sizeof(line), "h_client rmmod %s", s->module);
	join_words(s, 1, line, sizeof(line));
	s->c->main = actor_start(s->c, "rmmod", act_rmmod, line, s->module, 0, ~0u);
	return s->c->main ? 0 : -ENOMEM;
}

static int do_hold(struct step *s)
{
	return sync_hold(word(s, 1, ""), number(s, 2, 1));
}

static int do_spin(struct step *s)
{
	u32 k = number(s, 3, ~0u), only = k < s->c->nr_actors ? s->c->actor[k].task->id : 0;

	return sync_hold_how(word(s, 1, ""), number(s, 2, 1), (struct sync_how){ .only = only, .spins = true });
}

#define ALWAYS 1000000u

static int do_linger(struct step *s)
{
	return sync_hold_how(word(s, 1, ""), ALWAYS, (struct sync_how){ .for_ns = duration(s, 2, 1) });
}

/* Not beyond the end of the unload: who has gone that way comes no more. */
static int wait_held(const struct step *s, const char *point)
{
	u64 end = deadline(s);
	bool over;
	int err;

	do {
		over = clock_passed(end) ||
		       (starts_with(point, "unload:") && s->c->main && actor_has_ended(s->c->main));
		err = sync_wait_held(point, over ? 0 : MIN(from_now(NSEC_PER_MSEC), end));
	} while (err == -ETIMEDOUT && !over);
	return err;
}

/* A strategy that does not pass a step of the unload has no such instant, nor has one
 * that lets nobody else run. */
static int do_held(struct step *s)
{
	int err = wait_held(s, word(s, 1, ""));

	if (err && frozen_anywhere()) {
		s->c->verdict = VERDICT_NA;
		snprintf(s->c->evidence, sizeof(s->c->evidence), "everybody is frozen: nobody comes to %s",
		         s->word[1]);
	} else if (err && starts_with(word(s, 1, ""), "unload:")) {
		s->c->verdict = VERDICT_NA;
		snprintf(s->c->evidence, sizeof(s->c->evidence), "%s does not pass %s",
		         s->c->strategy->name, s->word[1]);
	}
	return err;
}

static int do_free(struct step *s)
{
	if (s->argc == 2)
		note_passed(s->c);
	sync_release(word(s, 1, ""));
	return 0;
}

static int do_at(struct step *s)
{
	u64 end = deadline(s);

	while (stage.at < number(s, 1, 1)) {
		if (clock_passed(end))
			return -ETIMEDOUT;
		sleep_ns(100 * NSEC_PER_USEC);
	}
	return 0;
}

static int do_go(struct step *s)
{
	note_passed(s->c);
	stage.go = 1;
	return 0;
}

static int do_hog(struct step *s)
{
	return on_stage(s, "hog", act_hog, 0, number(s, 1, 1));
}

static int do_deaf(struct step *s)
{
	return on_stage(s, "deaf", act_deaf, number(s, 2, 100), number(s, 1, 1));
}

static int do_busy(struct step *s)
{
	return on_stage(s, "busy", act_busy, 0, number(s, 1, 1));
}

static int do_yields(struct step *s)
{
	return on_stage(s, "yields", act_yield, 0, number(s, 1, 1));
}

static bool is_held(const char *point)
{
	return sync_wait_held(point, 0) == 0;
}

/* Not every strategy takes a census at a load. */
static int do_stir(struct step *s)
{
	const char *point = word(s, 1, "");
	u64 end = from_now(s->c->quarter);
	int err = 0;

	while (!err && !is_held(point) && !clock_passed(end)) {
		struct actor *a = actor_start(s->c, "stir", act_stir, "", "h_d02_again", 0, free_cpu());
		err = !a ? -ENOMEM : actor_wait(a, deadline(s)) ? a->result : -ETIMEDOUT;
	}
	if (err || is_held(point))
		return err;
	s->c->verdict = VERDICT_NA;
	snprintf(s->c->evidence, sizeof(s->c->evidence), "under %s no task reaches %s", s->c->strategy->name, point);
	return -ENOTSUP;
}

static int do_wrap(struct step *s)
{
	return hazard_wrap_begin(s->module);
}

static int do_peek(struct step *s)
{
	return on_stage(s, "peek", act_peek, number(s, 2, 100), number(s, 1, 1));
}

/* The laboratory would keep frames and addresses for those who still use them. */
static int do_quarantine(struct step *s)
{
	graveyard_laboratory = false;
	s->c->quarantine = true;
	frame_quarantine_begin();
	return 0;
}

static int do_reuse(struct step *s)
{
	(void)s;
	graveyard_laboratory = false;
	modspace_reuse_at_once(true);
	return 0;
}

static int do_transfer(struct step *s)
{
	(void)s;
	if (stage.device.running)
		memset(phys_to_virt(stage.device.address), 0xda, stage.device.bytes);
	return 0;
}

/* One that counts callers does not take over while somebody is inside uncounted. */
static int do_strategy(struct step *s)
{
	struct cell *c = s->c;
	int err = strategy_choose(word(s, 1, c->strategy->name));

	if (err == -EBUSY && cell_is_usable(c, s->module)) {
		c->verdict = VERDICT_REFUSED;
		snprintf(c->evidence, sizeof(c->evidence),
		         "EBUSY: it stays %s, somebody whom %s has not counted is inside; probed, usable",
		         strategy->name, c->strategy->name);
	}
	return err;
}

static int do_notify(struct step *s)
{
	return on_stage(s, "walker", act_notify, 0, ~0u);
}

static int do_show(struct step *s)
{
	char line[16] = "";

	join_words(s, 1, line, sizeof(line));
	return actor_start(s->c, "prompt", act_show, line, s->c->hazard.module, 0, ~0u) ? 0 : -ENOMEM;
}

static int do_nmis(struct step *s)
{
	return on_stage(s, "nmi", act_nmi, 0, ~0u);
}

static int do_wake(struct step *s)
{
	note_passed(s->c);
	wake_all(&stage.queue);
	return 0;
}

static int do_try(struct step *s)
{
	struct actor *a = s->c->main;

	if (!a)
		return 0;
	let_it_try(a, stage.ms * 5 / 2 * number(s, 1, 50));
	/* The asker may be at work on it, but writes the same again of one who is held. */
	if (a->unload)
		a->seen = a->unload->report.insider[0];
	return 0;
}

static int do_out(struct step *s)
{
	if (s->c->main)
		(void)!cell_wait(s->c);
	return 0;
}

static int do_left(struct step *s)
{
	u64 end = from_now(cell_limit(s->c));

	for (u32 i = 0; i < s->c->nr_actors; i++) {
		struct actor *a = &s->c->actor[i];
		if (a->act == act_call && !actor_wait(a, end))
			return -ETIMEDOUT;
	}
	return 0;
}

static int do_gone(struct step *s)
{
	u64 end = from_now(cell_limit(s->c));

	while (cell_is_loaded(s->module)) {
		if (clock_passed(end))
			return -ETIMEDOUT;
		sleep_ns(NSEC_PER_MSEC);
	}
	return 0;
}

/* With a host thread for each CPU, time may pass without any for one of them: then what this sleep is for has not
 * happened, and a verdict would be about the host. So each CPU has to take as many ticks as fit in. One that has
 * interrupts off for a reason of the stage takes none, but answers an NMI, which one without time does not. */
static bool has_had_time(u32 cpu, u32 ticks, u64 end)
{
	struct regs regs;

	while ((s32)((u32)READ_ONCE(cpus[cpu]->tick_seq) - ticks) < 0) {
		if (clock_passed(end))
			return nmi_look(cpu, &regs, NSEC_PER_MSEC);
		sleep_ns(NSEC_PER_MSEC);
	}
	return true;
}

static int do_sleep(struct step *s)
{
	u64 ns = duration(s, 1, 1), end;
	u32 least = (u32)div_u64(ns, NSEC_PER_SEC / HZ), ticks[NR_CPUS];

	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		ticks[cpu] = (u32)READ_ONCE(cpus[cpu]->tick_seq) + MIN(least, 2u);
	sleep_ns(ns);
	end = from_now(cell_limit(s->c));
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		if (has_had_time(cpu, ticks[cpu], end))
			continue;
		snprintf(s->c->evidence, sizeof(s->c->evidence), "CPU %u got no time from the host", cpu);
		return -EAGAIN;
	}
	return 0;
}

static int do_kill(struct step *s)
{
	u32 n = number(s, 1, 0);
	struct actor *a = s->argc > 1 ? &s->c->actor[n] : s->c->main;

	if (!a || n >= s->c->nr_actors)
		return -EINVAL;
	task_kill(a->task);
	return 0;
}

static int do_cpus(struct step *s)
{
	u32 wanted = number(s, 1, 2);

	if (nr_cpus >= wanted)
		return 0;
	s->c->verdict = VERDICT_NA;
	snprintf(s->c->evidence, sizeof(s->c->evidence), "takes %u CPUs", wanted);
	return -ENOTSUP;
}

static int do_each(struct step *s);

/* `gloss`: what the story says of it. */
static const struct { const char *name; int (*run)(struct step *s); const char *gloss; } steps[] = {
	{ "insmod", do_insmod, "a module is loaded" },
	{ "load", do_load, "a task loads a module" },
	{ "starve", do_starve, "load, unload, with each allocation failing once" },
	{ "unload", do_unload, "a task asks for the unload" },
	{ "call", do_call, "a task uses the device" },
	{ "program", do_program, "a process is started" },
	{ "rmmod", do_rmmod, "a process asks for the unload" },
	{ "ask", do_ask, "the device is asked something" },
	{ "hold", do_hold, "whoever comes by there is to be held" },
	{ "spin", do_spin, "whoever comes by there is to be held, on its CPU" },
	{ "linger", do_linger, "tasks that pass there will take some time" },
	{ "held", do_held, "somebody is held there" },
	{ "free", do_free, "who is held there may go on" },
	{ "at", do_at, "so many stand in the module's code" },
	{ "go", do_go, "they may leave" },
	{ "hog", do_hog, "a CPU is kept busy" },
	{ "deaf", do_deaf, "a CPU switches its interrupts off" },
	{ "busy", do_busy, "a CPU cannot be preempted" },
	{ "yields", do_yields, "a task passes through schedule() all the time" },
	{ "stir", do_stir, "another module comes and goes until a task is held there" },
	{ "wrap", do_wrap, "counters are brought near their end" },
	{ "notify", do_notify, "a task walks a notifier chain" },
	{ "nmis", do_nmis, "NMIs are sent to all" },
	{ "wake", do_wake, "the wait queue is woken" },
	{ "try", do_try, "can the unload end while things are so?" },
	{ "out", do_out, "is the unload over now?" },
	{ "gone", do_gone, "the module is not there any more" },
	{ "left", do_left, "all who used the device have come back" },
	{ "sleep", do_sleep, "time passes" },
	{ "show", do_show, "a task runs a command of the prompt" },
	{ "kill", do_kill, "a task is killed" },
	{ "cpus", do_cpus, "there are enough CPUs" },
	{ "peek", do_peek, "a CPU, interrupts off, looks at a page now and later" },
	{ "quarantine", do_quarantine, "what is freed is poisoned and watched" },
	{ "reuse", do_reuse, "free addresses are handed out at once" },
	{ "transfer", do_transfer, "the device writes, if nobody stopped it" },
	{ "strategy", do_strategy, "the strategy changes" },
	{ "each", do_each, "the same for many modules" },
};

/* -- running ------------------------------------------------------------------------ */

static int run_step(struct step *s)
{
	for (u32 i = 0; i < ARRAY_SIZE(steps); i++) {
		if (streq(steps[i].name, s->word[0]))
			return steps[i].run(s);
	}
	return -EINVAL;
}

static int do_each(struct step *s)
{
	struct step one = *s;
	char instance[MODULE_NAME_LEN];
	int err = 0;

	one.module = instance;
	one.argc = s->argc - 2;
	if (one.argc < 1)
		return -EINVAL;
	memmove(one.word, s->word + 2, (u32)one.argc * sizeof(one.word[0]));
	s->c->nr_instances = number(s, 1, 1);
	for (u32 i = 0; !err && i < s->c->nr_instances; i++) {
		snprintf(instance, sizeof(instance), "%s_%u", s->c->hazard.module, i);
		err = run_step(&one);
	}
	return err;
}

/* Who is where, now that the stage is set. Loads that went well are of no interest. */
static void tell_actors(const struct cell *c)
{
	for (u32 i = 0; i < c->nr_actors; i++) {
		const struct actor *a = &c->actor[i];
		const struct task *t = a->task;
		bool ended = actor_has_ended(a);
		if (ended && a->act == act_load && !a->result)
			continue;
		if (ended)
			printk("%15s %s has ended%s%s\n", "", t->name, a->result < 0 ? ": " : "",
			       a->result < 0 ? errno_name(a->result) : "");
		else
			printk("%15s %s is %s on CPU %u%s%s\n", "", t->name, task_state_name(t), t->cpu,
			       t->waiting_for[0] ? ", last waited for: " : "", t->waiting_for);
	}
}

static void tell_step(const struct cell *c, const char *text, const char *name, int err)
{
	const char *gloss = "";
	char took[16];

	for (u32 i = 0; i < ARRAY_SIZE(steps); i++) {
		if (streq(steps[i].name, name))
			gloss = steps[i].gloss;
	}
	printk("  %12s  %-30s %s%s\n", duration_text(clock_ns() - c->start, took, sizeof(took)), text,
	       err ? "did not come about: " : "", gloss);
	if (streq(name, "held") || streq(name, "at") || streq(name, "try") || streq(name, "out"))
		tell_actors(c);
}

static int run_text(struct cell *c, const char *text)
{
	struct step s = { .c = c, .module = c->hazard.module };
	char line[80];

	strlcpy(line, text, sizeof(line));
	s.argc = split_words(line, s.word, MAX_WORDS);
	if (s.argc <= 0)
		return s.argc;
	int err = run_step(&s);
	if (err && !c->evidence[0])
		snprintf(c->evidence, sizeof(c->evidence), "step \"%s\": %s", text, errno_name(err));
	if (c->tell)
		tell_step(c, text, s.word[0], err);
	return err;
}

int script_run(struct cell *c)
{
	char text[80];
	int err = 0;

	c->verdict = VERDICT_UNSTAGED;
	for (const char *p = c->hazard.script; *p && !err;) {
		u32 len = 0;
		while (*p == ' ')
			p++;
		while (p[len] && p[len] != ';')
			len++;
		strlcpy(text, p, MIN(len + 1, (u32)sizeof(text)));
		p += len + (p[len] == ';');
		err = run_text(c, text);
	}
	return err;
}
