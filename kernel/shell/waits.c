#include "shell/waits.h"
#include "lib/format.h"
#include "lib/math64.h"
#include "lib/string.h"
#include "sched/callers.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/symbols.h"

#define FIRST_NS  (2 * NSEC_PER_SEC)
#define WATCH_NS  (5 * NSEC_PER_SEC)	/* some tests take half as long */
#define MAX_DEPTH 5u
#define MAX_TOLD  12u			/* tasks at a time */

struct sleep_place { u32 caller[MAX_DEPTH], depth; };

/* Its run queue is locked. switch.asm has pushed edi, esi, ebx, ebp. */
static void copy_callers(struct task *t, u32 sp, void *arg)
{
	struct sleep_place *p = arg;
	struct caller_walk w = callers_of(t, sp, ((const u32 *)sp)[3]);
	u32 caller;

	while (p->depth < MAX_DEPTH && (caller = caller_next(&w)))
		p->caller[p->depth++] = caller;
}

/* Those between it and the switch of stacks say nothing. */
static bool is_way_to_sleep(const char *where)
{
	static const char *const names[] = { "schedule", "run_scheduler", "sleep_once", "wait_sleep", "lock_slowly",
		"preempt_from", "pick_and_switch", "switch_" };

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (starts_with(where, names[i]))
			return true;
	}
	return false;
}

static void callers_text(const struct sleep_place *p, char *text, u32 size)
{
	u32 len = 0;

	text[0] = '\0';
	for (u32 i = 0; i < p->depth && len < size; i++) {
		char where[80];
		symbolise(p->caller[i] - 1, where, sizeof(where));
		if (!is_way_to_sleep(where))
			len += (u32)snprintf(text + len, size - len, "%s%s", len ? " < " : ", at ", where);
	}
}

void say_what_waits(const char *who, struct task *t, u64 since)
{
	u32 ms = (u32)div_u64(clock_ns() - since, NSEC_PER_MSEC);
	struct sleep_place place = { .depth = 0 };
	bool at_rest = task_look_at_rest(t, copy_callers, &place);
	bool waits = t->state == TASK_SLEEPING || t->state == TASK_BLOCKED;
	char text[280];

	callers_text(&place, text, sizeof(text));
	printk("%s: %u.%u s: task %u (%s) is %s on CPU %u%s%s%s%s\n", who, ms / 1000, ms % 1000 / 100, t->id, t->name,
	       at_rest ? task_state_name(t) : "running", t->cpu, waits ? ", waits for '" : "",
	       waits ? t->waiting_for : "", waits ? "'" : "", text);
}

/* `first`, and each task that is younger than `newest`: what was started since. */
static void say_what_they_wait(const char *who, const struct task *first, u64 newest, u64 since)
{
	struct task *t = NULL;
	u32 told = 0;

	while ((t = task_next(t))) {
		if ((t == first || t->born > newest) && !task_is_dead(t) && told++ < MAX_TOLD)
			say_what_waits(who, t, since);
	}
	if (told > MAX_TOLD)
		printk("%s: and %u tasks more\n", who, told - MAX_TOLD);
}

void join_aloud(const char *who, struct task *t)
{
	u64 since = clock_ns(), pause = FIRST_NS;

	while (task_join(t, clock_ns() + pause)) {
		say_what_they_wait(who, t, t->born, since);
		pause *= 2;
	}
}

/* Timer interrupt. */
static void look(struct ktimer *timer)
{
	struct wait_watch *w = container_of(timer, struct wait_watch, timer);

	say_what_they_wait(w->who, w->task, w->newest, w->since);
	w->pause *= 2;
	ktimer_arm(&w->timer, clock_ns() + w->pause);
	wipe_dead_stack();		/* names of places in modules are not to be found there */
}

void wait_watch_begin(struct wait_watch *w, const char *who)
{
	*w = (struct wait_watch){ .who = who, .task = current, .newest = newest_task(), .since = clock_ns(),
	                          .pause = WATCH_NS };
	ktimer_init(&w->timer, look);
	ktimer_arm(&w->timer, w->since + w->pause);
}

void wait_watch_end(struct wait_watch *w)
{
	(void)ktimer_cancel_sync(&w->timer);
}
