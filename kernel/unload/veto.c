/* The module stays LIVE whatever veto() answers, so one that does not return cannot be abandoned
 * half-way, as an exit can. It runs in a task of its own, which may outlive the unload; the next
 * unload finds it. */
#include "unload/veto.h"
#include "entry/call_check.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "mm/heap.h"
#include "sched/task.h"
#include "x86/atomic.h"
#include "x86/clock.h"

struct veto_call {
	struct task *task;		/* with a reference */
	int (*veto)(void);
	u32 users;			/* atomic: the asker, and the task */
	int answer;
};

static void put(struct veto_call *v)
{
	if (!atomic_sub(&v->users, 1))
		kfree(v);
}

static void veto_task(void *arg)
{
	struct veto_call *v = arg;

	struct call_check c = call_check_begin();
	v->answer = v->veto();
	(void)call_check_end(c, "veto", v->veto);
	put(v);
}

static int say(struct unload *u, int err, const char *what)
{
	snprintf(u->report.error, sizeof(u->report.error), "%s: %s; still live", u->name, what);
	return err;
}

/* An earlier one may be at it still: there is one at a time. */
static int wait_for_earlier(struct unload *u)
{
	struct task *t = u->mod->veto_task;

	if (!t)
		return 0;
	if (!task_is_dead(t)) {
		snprintf(u->report.error, sizeof(u->report.error),
		         "%s: the veto() of an earlier unload has not returned: task %u (%s); still live",
		         u->name, t->id, t->name);
		return -EBUSY;
	}
	u->mod->veto_task = NULL;
	task_put(t);
	return 0;
}

static struct veto_call *start(struct unload *u)
{
	struct veto_call *v = kmalloc(sizeof(*v));
	char name[TASK_NAME_LEN];

	if (!v)
		return NULL;
	snprintf(name, sizeof(name), "veto/%s", u->name);
	*v = (struct veto_call){ .veto = u->mod->veto, .users = 2 };
	v->task = task_create(name, current->prio, veto_task, v);
	if (IS_ERR(v->task)) {
		kfree(v);
		return NULL;
	}
	return v;
}

/* Its interruptible waits end; otherwise the task is left running. */
static int has_not_returned(struct unload *u, struct veto_call *v)
{
	struct task *t = v->task;

	task_kill(t);
	u->mod->veto_task = t;
	snprintf(u->report.error, sizeof(u->report.error),
	         "%s: its veto() does not return: task %u (%s)%s%s; still live", u->name, t->id, t->name,
	         t->waiting_for[0] ? ", last waited for " : "", t->waiting_for);
	return -ETIMEDOUT;
}

int ask_veto(struct unload *u)
{
	int err = u->mod->veto ? wait_for_earlier(u) : 0, no;
	u64 asked = clock_ns();
	struct veto_call *v;

	if (err || !u->mod->veto)
		return err;
	v = start(u);
	if (!v)
		return say(u, -ENOMEM, "no memory for the task that asks its veto()");
	/* It does not take of the time for the rest, and its task may have to wait for a CPU. */
	if (task_join(v->task, MAX(u->deadline, asked + UNLOAD_PATIENCE_NS))) {
		err = has_not_returned(u, v);
		put(v);
		return err;
	}
	u->deadline += clock_ns() - asked;
	task_put(v->task);
	no = v->answer;
	put(v);
	if (!no)
		return 0;
	snprintf(u->report.error, sizeof(u->report.error), "%s says no (%s)", u->name, errno_name(no));
	return -EPERM;
}
