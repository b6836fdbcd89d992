/* The script of a hazard: steps, separated by semicolons.
 *
 *   insmod M | load M            load module M here | in a task of its own
 *   starve                       load and unload M; each allocation fails once
 *   unload [FLAG...] [M]         ask for an unload in a task of its own; FLAG is wait,
 *                                revoke or force
 *   call WHAT [N] [CPU] [M]      a task opens M's device and does read, write, ioctl,
 *                                open, or loop (on CPU; - is anywhere)
 *   ask N                        a task does ioctl N and is waited for
 *   hold P [N] | held P          sync point P: hold N there | wait until one is
 *   free P [aside]               let them go on; the hazard is over, or (aside) is not
 *   at N | go                    wait until N stand where they are wanted | let them go
 *   hog CPU | deaf CPU PERCENT   occupy a CPU | switch its interrupts off for part of
 *                                the unload's patience
 *   notify | wake | nmis         walk the stage's chain | wake its queue | fire NMIs
 *   out [MS]                     wait until the unload is over, or MS ms
 *   sleep MS | kill [N]          wait | kill the Nth task of the stage, or the one that
 *                                asked for the unload
 *
 *   cpus N                       not on a machine with fewer
 *
 * M is the module of the hazard unless named. */
#include "shell/hazard.h"
#include "entry/stage.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "shell/commands.h"
#include "x86/clock.h"
#include "x86/console.h"

#define MAX_WORDS 7

struct step { struct cell *c; int argc; char *word[MAX_WORDS]; };

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

static u64 deadline(const struct step *s)
{
	return clock_ns() + s->c->quarter;
}

static int on_stage(const struct step *s, const char *name, int (*act)(struct actor *a), u32 arg,
                    u32 cpu)
{
	return actor_start(s->c, name, act, "", s->c->hazard.module, arg, cpu) ? 0 : -ENOMEM;
}

/* The hazard is lifted: an unload that is still at work has waited for it. */
static void note_passed(struct cell *c)
{
	if (c->main && !c->passed_at && !actor_has_ended(c->main))
		c->passed_at = clock_ns();
}

/* -- steps ------------------------------------------------------------------------- */

/* In a task of its own, too: what the loader leaves on its stack goes with it. */
static int do_insmod(struct step *s)
{
	struct actor *a = actor_start(s->c, "insmod", act_load, "", word(s, 1, s->c->hazard.module),
	                              0, ~0u);

	if (!a)
		return -ENOMEM;
	if (!actor_wait(a, deadline(s)))
		return -ETIMEDOUT;
	take_the_chair();
	return a->result;
}

static int do_load(struct step *s)
{
	struct actor *a = actor_start(s->c, "insmod", act_load, "", word(s, 1, s->c->hazard.module),
	                              0, ~0u);

	if (a && !s->c->main)
		s->c->main = a;
	return a ? 0 : -ENOMEM;
}

static int do_starve(struct step *s)
{
	s->c->main = actor_start(s->c, "starved", act_starve, "", s->c->hazard.module, 0, ~0u);
	return s->c->main ? 0 : -ENOMEM;
}

static bool flag_of(const char *text, u32 *flags)
{
	*flags |= streq(text, "wait")   ? UNLOAD_WAIT :
	          streq(text, "revoke") ? UNLOAD_REVOKE :
	          streq(text, "force")  ? UNLOAD_FORCE : 0;
	return streq(text, "wait") || streq(text, "revoke") || streq(text, "force");
}

static int do_unload(struct step *s)
{
	const char *module = s->c->hazard.module;
	u32 flags = 0;

	for (int i = 1; i < s->argc; i++) {
		if (!flag_of(s->word[i], &flags))
			module = s->word[i];
	}
	struct actor *a = actor_start(s->c, "rmmod", act_unload, "", module, flags, ~0u);
	if (a && (!s->c->main || s->c->main->act != act_unload))
		s->c->main = a;
	return a ? 0 : -ENOMEM;
}

static int do_call(struct step *s)
{
	return actor_start(s->c, "caller", act_call, word(s, 1, "open"),
	                   word(s, 4, s->c->hazard.module), number(s, 2, 1),
	                   number(s, 3, ~0u)) ? 0 : -ENOMEM;
}

static int do_ask(struct step *s)
{
	struct actor *a = actor_start(s->c, "asker", act_call, "ioctl", s->c->hazard.module,
	                              number(s, 1, 0), ~0u);

	return !a ? -ENOMEM : actor_wait(a, deadline(s)) ? 0 : -ETIMEDOUT;
}

static int do_hold(struct step *s)
{
	return sync_hold(word(s, 1, ""), number(s, 2, 1));
}

/* A strategy that does not pass a step of the unload has no such instant. */
static int do_held(struct step *s)
{
	int err = sync_wait_held(word(s, 1, ""), deadline(s));

	if (err && starts_with(word(s, 1, ""), "unload:")) {
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

static int do_notify(struct step *s)
{
	return on_stage(s, "walker", act_notify, 0, ~0u);
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

static int do_out(struct step *s)
{
	u64 ns = s->argc > 1 ? number(s, 1, 0) * NSEC_PER_MSEC : 3 * s->c->quarter;

	if (s->c->main)
		(void)!actor_wait(s->c->main, clock_ns() + ns);
	return 0;
}

static int do_sleep(struct step *s)
{
	sleep_ns(number(s, 1, 1) * NSEC_PER_MSEC);
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

static const struct { char name[8]; int (*run)(struct step *s); } steps[] = {
	{ "insmod", do_insmod }, { "load", do_load }, { "starve", do_starve }, { "unload", do_unload }, { "call", do_call }, { "ask", do_ask },
	{ "hold", do_hold }, { "held", do_held }, { "free", do_free }, { "at", do_at },
	{ "go", do_go }, { "hog", do_hog }, { "deaf", do_deaf }, { "notify", do_notify },
	{ "nmis", do_nmis }, { "wake", do_wake }, { "out", do_out }, { "sleep", do_sleep },
	{ "kill", do_kill }, { "cpus", do_cpus },
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

/* Who is where, now that the stage is set. */
static void tell_actors(const struct cell *c)
{
	for (u32 i = 0; i < c->nr_actors; i++) {
		const struct task *t = c->actor[i].task;
		bool ended = actor_has_ended(&c->actor[i]);
		printk("                      %s: CPU %u, %s%s%s\n", t->name, t->cpu,
		       ended ? "ended, " : task_state_name(t),
		       ended ? errno_name(MIN(c->actor[i].result, 0)) : t->waiting_for[0] ? ", last waited for " : "",
		       ended ? "" : t->waiting_for);
	}
}

static int run_text(struct cell *c, const char *text)
{
	struct step s = { .c = c };
	char line[80], took[16];

	strlcpy(line, text, sizeof(line));
	s.argc = split_words(line, s.word, MAX_WORDS);
	if (s.argc <= 0)
		return s.argc;
	int err = run_step(&s);
	if (err && !c->evidence[0])
		snprintf(c->evidence, sizeof(c->evidence), "step \"%s\": %s", text, errno_name(err));
	if (c->tell) {
		printk("  %12s  %s%s\n", duration_text(clock_ns() - c->start, took, sizeof(took)), text,
		       err ? ": not reached" : "");
		if (streq(s.word[0], "held") || streq(s.word[0], "at") || streq(s.word[0], "out"))
			tell_actors(c);
	}
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
