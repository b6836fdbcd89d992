/* Those who are on the stage: each a task of the core. */
#include "shell/hazard.h"
#include "entry/chrdev.h"
#include "entry/stage.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/math64.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "sched/wait.h"
#include "shell/commands.h"
#include "shell/shell.h"
#include "smp/ipi.h"
#include "unload/graveyard.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/console.h"

static void actor_task(void *arg)
{
	struct actor *a = arg;

	a->result = a->act(a);
	if (!a->ended)
		a->ended = clock_ns();
}

struct actor *actor_start(struct cell *c, const char *name, int (*act)(struct actor *a),
                          const char *what, const char *device, u32 arg, u32 cpu)
{
	char full[TASK_NAME_LEN];

	if (c->nr_actors == MAX_ACTORS)
		return NULL;
	struct actor *a = &c->actor[c->nr_actors];
	*a = (struct actor){ .cell = c, .act = act, .arg = arg };
	strlcpy(a->what, what, sizeof(a->what));
	strlcpy(a->device, device, sizeof(a->device));
	if ((act == act_unload || act == act_starve || act == act_rmmod) && !(a->unload = kzalloc(sizeof(*a->unload))))
		return NULL;
	snprintf(full, sizeof(full), "%s/%u", name, c->nr_actors);
	u32 prio = act == act_hog ? PRIO_HIGH : act == act_yield ? PRIO_LOW : PRIO_NORMAL;
	struct task *t = task_create_stopped(full, prio, actor_task, a);
	if (IS_ERR(t)) {
		kfree(a->unload);
		return NULL;
	}
	if (cpu != ~0u) {
		t->cpu = MIN(cpu, nr_cpus - 1);
		t->affinity = CPU_BIT(t->cpu);
	}
	a->task = t;
	c->nr_actors++;
	task_start(t);
	return a;
}

bool actor_has_ended(const struct actor *a)
{
	return task_is_dead(a->task);
}

bool actor_wait(struct actor *a, u64 deadline)
{
	return task_join(a->task, deadline) == 0;
}

const char *actor_name(const struct actor *a)
{
	return a->task->name;
}

/* -- what they do ------------------------------------------------------------------ */

static bool curtain(const struct actor *a)
{
	return READ_ONCE(a->cell->curtain) || task_killed();
}

static int use_file(struct actor *a, struct file *f)
{
	u8 buf[64];
	int n;

	switch (a->what[0]) {
	case 'r':
		return file_read(f, buf, MIN(a->arg, (u32)sizeof(buf)));
	case 'w':
		return file_write(f, buf, MIN(a->arg, (u32)sizeof(buf)));
	case 'i':
		return file_ioctl(f, a->arg, 0);
	case 'l':
		do {
			n = file_read(f, buf, 1);
			if (n >= 0)
				n = file_ioctl(f, 0, 0);
		} while (n >= 0 && !curtain(a));
		return n;
	}
	return 0;
}

int act_call(struct actor *a)
{
	struct file *f = file_open(a->device, 0);

	if (IS_ERR(f))
		return PTR_ERR(f);
	sync_point("hazard:opened");
	int n = use_file(a, f);
	file_close(f);
	return n;
}

int act_unload(struct actor *a)
{
	struct unload *u = a->unload;

	strlcpy(u->name, a->device, sizeof(u->name));
	u->flags = a->arg;
	u->patience_ns = cell_patience(a->cell);
	return module_unload(u);
}

/* The hazard's module once more, under another name, which its device gets, too. */
static int load_instance(const struct actor *a, struct load_error *why)
{
	char params[MODULE_NAME_LEN + 8];
	const void *file;
	u32 size;

	snprintf(params, sizeof(params), "device=%s", a->device);
	if (archive_find(a->cell->hazard.module, &file, &size))
		return -ENOENT;
	return module_load(a->device, file, size, params, NULL, why);
}

int act_load(struct actor *a)
{
	struct load_error why;
	const void *file;
	u32 size;

	if (a->cell->nr_instances && archive_find(a->device, &file, &size))
		return load_instance(a, &why);
	return module_load_by_name(a->device, "", NULL, &why);
}

/* An unload that failed for want of memory must work once there is some. */
int act_starve(struct actor *a)
{
	bool failed = true;

	for (u32 n = 1; failed; n++) {
		alloc_fail_nth(n);
		int loaded = act_load(a);
		int err = loaded ? 0 : act_unload(a);
		failed = alloc_fail_delivered();
		alloc_fail_nth(0);
		if (err && (!failed || act_unload(a)))
			return err;
		if (loaded && !failed)
			return loaded;
	}
	return 0;
}

int act_hog(struct actor *a)
{
	atomic_add(&stage.at, 1);
	while (!curtain(a))
		cpu_relax();
	return 0;
}

int act_yield(struct actor *a)
{
	while (!curtain(a))
		yield();
	return 0;
}

int act_stir(struct actor *a)
{
	struct unload *u = kzalloc(sizeof(*u));
	int err = u ? act_load(a) : -ENOMEM;

	if (!err) {
		strlcpy(u->name, a->device, sizeof(u->name));
		u->patience_ns = cell_patience(a->cell);
		err = module_unload(u);
	}
	kfree(u);
	return err;
}

/* It does not reach schedule(), but answers IPIs. */
int act_busy(struct actor *a)
{
	preempt_disable();
	act_hog(a);
	preempt_enable();
	return 0;
}

/* Interrupts are off, until the caller restores them. */
static void stay_deaf(struct actor *a)
{
	u64 end = clock_ns() + div_u64(a->cell->quarter, 100) * a->arg;

	atomic_add(&stage.at, 1);
	while (!clock_passed(end))
		cpu_relax();
	a->ended = clock_ns();		/* an unload that waits goes on at the next instruction */
}

int act_deaf(struct actor *a)
{
	u32 flags = irq_save();

	stay_deaf(a);
	irq_restore(flags);
	return 0;
}

/* With interrupts off nothing drops the translation but the CPU's own whim; then
 * the second look does not find one. */
int act_peek(struct actor *a)
{
	u32 before, after, flags = irq_save();

	before = *stage.page;
	stay_deaf(a);
	if (graveyard_probe(stage.page, &after) && after != before)
		stage_accuse("reads another's memory by a stale TLB entry");
	irq_restore(flags);
	return 0;
}

int act_nmi(struct actor *a)
{
	static struct regs regs;	/* not on this stack: they may point into the module */
	u32 cpu;

	while (!curtain(a)) {
		for_each_cpu_in(cpu, cpus_others())
			(void)!nmi_look(cpu, &regs, NSEC_PER_MSEC);
	}
	return 0;
}

/* What it prints is for who is told the story. */
int act_show(struct actor *a)
{
	if (!a->cell->tell)
		console_mute(true);
	int err = shell_run_line(a->what);
	if (!a->cell->tell)
		console_mute(false);
	return err;
}

int act_notify(struct actor *a)
{
	(void)a;
	notifier_call(&stage.chain, 1, NULL);
	return 0;
}

/* -- in ring 3 ---------------------------------------------------------------------- */

/* A kill of the actor ends it. */
int act_program(struct actor *a)
{
	char program[sizeof(a->what)], args[sizeof(a->what) + 12];
	const char *space = strchr(a->what, ' ');

	strlcpy(program, a->what, MIN(space ? (u32)(space - a->what) + 1 : ~0u, (u32)sizeof(program)));
	u64 patience = a->act == act_rmmod ? cell_patience(a->cell) : a->cell->quarter;
	snprintf(args, sizeof(args), "%s %u", a->what, (u32)div_u64(patience, NSEC_PER_USEC));
	int code = run_program(program, args);
	if (code > 0)
		stage_accuse("sees memory of the module change after it was freed");
	return code;
}

static struct actor *in_ring3;		/* who waits for the answer to its unload */
static bool answered;

/* A process that was killed does not tell what its unload came to. */
static void take_answer(const struct unload *u, int err)
{
	struct actor *a = in_ring3;

	if (!a || !streq(u->name, a->device))
		return;
	*a->unload = *u;
	a->result = err;
	a->ended = clock_ns();
	answered = true;
}

int act_rmmod(struct actor *a)
{
	answered = false;
	in_ring3 = a;
	module_unload_answered = take_answer;
	int code = act_program(a);
	module_unload_answered = NULL;
	in_ring3 = NULL;
	return answered ? a->result : code;
}
