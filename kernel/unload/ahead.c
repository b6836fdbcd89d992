/* What a hold need not look at, since it was looked at ahead of it.
 *
 * The stack of a task that is off its CPU does not change until the task runs. So all stacks are
 * read while everything goes on, and the hold reads again those of tasks that ran since: as pages
 * are copied ahead when a virtual machine moves, and only the dirty ones while it stands. It is
 * still one instant of which the hold tells: whatever is not read again is what it was.
 *
 * Claim: a task that has run since its stack was read is, in the hold, either the current one of
 * a CPU, or in the list, or younger than the look.
 *
 * A task that got a CPU after it was read, and is not its current task any more, left it at the
 * head of schedule(). There it puts itself into the list if its CPU sees the flag. It does: each
 * CPU was interrupted after the flag went up and before the first stack was read, so all of its later
 * loads see it (or it was idle then: smp/idle.c). A CPU that was past the flag when the interrupt came makes one more switch:
 *
 *	CPU 0 (asker)			CPU 1
 *					A: head of schedule(), no flag
 *	flag up; interrupts CPU 1	A: answers
 *	walks: A has a CPU: listed
 *					switches from A to B
 *	walks: B has a CPU, or was	B: runs
 *	  read before the switch
 *					B: head of schedule(): sees the flag, listed
 *
 * No lock keeps the task from running while its stack is read. If it does, what was read is
 * worth nothing, and the task has run since:
 *
 *	CPU 0 (asker)			CPU 1
 *	C->on_cpu? no
 *					C->on_cpu = 1: runs, its stack changes
 *	reads it: looks clean
 *	hold				C: current, or in the list
 *
 * When the hold begins the flag stays up, but from then on CPUs park at it. A CPU that had read
 * look_in_passing before is like one that was past the flag: it does not park at once, and answers
 * the sample for its task. Its note comes too late, when the list is closed, and is not needed.
 *
 * A core function may hand an address to a task that is off its CPU, and then raises the epoch. So the
 * epoch is read before the first stack; if it has changed by the end of the walk, the hold reads all
 * stacks, and if it changes later the commit fails, as always. */
#include "unload/ahead.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "smp/ipi.h"
#include "unload/hold.h"
#include "unload/inspect.h"
#include "x86/clock.h"

#define ANSWER_LIMIT_NS (20 * NSEC_PER_MSEC)
#define LONG_STACK      1024		/* bytes; after such a one the list of tasks is unlocked for a moment */

u32 look_ahead_from = 64;

static struct spinlock lock = SPINLOCK_IRQ("ahead", RANK_LEAF);
static struct list again = LIST_INIT(again);	/* under lock */
static bool open;			/* under lock: may be added to */

/* Caller holds the lock; `t` is not dead, and cannot die meanwhile. */
static void add(struct task *t)
{
	if (t->again.next)
		return;
	list_add_tail(&again, &t->again);
	task_get(t);
}

static void look_again(struct task *t)
{
	u32 flags = spin_lock_irqsave(&lock);

	if (open)
		add(t);
	spin_unlock_irqrestore(&lock, flags);
}

/* At the head of schedule(). */
static void note_passer(u32 sp)
{
	(void)sp;
	look_again(current);
}

static void set_open(bool value)
{
	u32 flags = spin_lock_irqsave(&lock);

	open = value;
	spin_unlock_irqrestore(&lock, flags);
}

struct walk { struct inspection *in; u32 generation, skipped; };

static noinline bool read_stack(struct inspection *in, struct task *t)
{
	if (t->born > in->newest || task_is_dead(t))
		return false;
	if (!stack_is_clean(in, t))
		look_again(t);
	return (int)(t->scan_top - t->sp) > LONG_STACK;
}

static bool visit(struct task *t, void *arg)
{
	struct walk *w = arg;

	if (!task_has_not_run_since(t, w->generation))
		return read_stack(w->in, t);
	w->skipped++;
	return false;
}

static void read_stacks(struct inspection *in)
{
	struct walk w = { in, in->owner->generation, 0 };

	tasks_each(visit, &w);
	in->u->report.skipped += w.skipped;
}

void look_ahead(struct inspection *in)
{
	in->ahead = false;
	in->looked_ahead = READ_ONCE(nr_tasks) >= look_ahead_from;
	if (!in->looked_ahead)
		return;
	in->newest = newest_task();
	set_open(true);
	look_in_passing = note_passer;
	module_remove = next_trap();
	bool all_see_it = !smp_fence(cpus_online, ANSWER_LIMIT_NS);
	if (all_see_it)
		read_stacks(in);
	sync_point("unload:looked-ahead");
	u64 epoch = owner_epoch(in->owner);
	in->ahead = all_see_it && epoch == in->epoch;
	in->epoch = epoch;
}

void ahead_each_again(struct inspection *in, void (*look)(struct inspection *in, struct task *t))
{
	struct task *t;
	u32 cpu;
	u32 flags = spin_lock_irqsave(&lock);

	open = false;
	for_each_cpu_in(cpu, cpus_online)
		add(READ_ONCE(cpus[cpu]->task));
	for (struct list *l = tasklist.prev; l != &tasklist; l = l->prev) {
		t = list_entry(l, struct task, all_node);
		if (t->born <= in->newest)
			break;
		if (!task_is_dead(t))
			add(t);
	}
	spin_unlock_irqrestore(&lock, flags);
	list_for_each(t, &again, again)
		look(in, t);
}

static struct task *take_one(void)
{
	u32 flags = spin_lock_irqsave(&lock);
	struct task *t = NULL;

	open = false;
	if (!list_empty(&again)) {
		t = list_first(&again, struct task, again);
		list_del(&t->again);
		t->again.next = NULL;
	}
	spin_unlock_irqrestore(&lock, flags);
	return t;
}

void look_ahead_end(struct inspection *in)
{
	struct task *t;

	if (!in->looked_ahead)
		return;
	while ((t = take_one()))
		task_put(t);
}
