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
#include "smp/ipi.h"
#include "x86/atomic.h"
#include "x86/clock.h"

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
	if ((act == act_unload || act == act_starve) && !(a->unload = kzalloc(sizeof(*a->unload))))
		return NULL;
	snprintf(full, sizeof(full), "%s/%u", name, c->nr_actors);
	u32 prio = act == act_hog ? PRIO_HIGH : PRIO_NORMAL;
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
	u->patience_ns = a->cell->quarter;
	return module_unload(u);
}

int act_load(struct actor *a)
{
	struct load_error why;

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

int act_deaf(struct actor *a)
{
	u64 end = clock_ns() + div_u64(a->cell->quarter, 100) * a->arg;

	u32 flags = irq_save();
	atomic_add(&stage.at, 1);
	while (!clock_passed(end))
		cpu_relax();
	a->ended = clock_ns();		/* an unload that waits goes on at the next instruction */
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

int act_notify(struct actor *a)
{
	(void)a;
	notifier_call(&stage.chain, 1, NULL);
	return 0;
}
