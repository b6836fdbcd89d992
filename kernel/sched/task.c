/* Tasks: from the first frame on their stack to the last reference. */
#include "sched/task.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "sched/rq.h"
#include "smp/ipi.h"
#include "x86/atomic.h"
#include "x86/console.h"
#include "x86/paging.h"
#include "x86/panic.h"

_Static_assert(offsetof(struct task, sp) == 0, "switch.asm knows where sp is");

u32 load_generation;

struct spinlock tasklist_lock = SPINLOCK_IRQ("task list", RANK_TASKLIST);
struct list tasklist = LIST_INIT(tasklist);
u32 nr_tasks, nr_exiting;

/* Under tasklist_lock. */
u32 last_task_id = ~0u;
static bool ids_used_up;		/* all have been given out once */
static u64 last_born;

/* -- birth ------------------------------------------------------------------- */

/* The first thing on a new stack, as if switch_stacks() had left it. The function
 * and its argument lie there, and not only in struct task: a scan of the stack
 * finds them. An EBP of 0 ends every backtrace. */
struct first_frame {
	u32 edi, esi, ebx, ebp;
	void (*entry)(void (*fn)(void *), void *arg);
	u32 no_return_address;
	void (*fn)(void *arg);
	void *arg;
};

/* Interrupts off, the run queue locked: as after any switch. */
static void task_entry(void (*fn)(void *), void *arg)
{
	finish_switch();
	irq_enable();
	preempt_enable();
	fn(arg);
	task_exit();
}

u32 next_load_generation(void)
{
	u32 now;

	do {
		now = READ_ONCE(load_generation);
	} while (now != LAST_GENERATION && !atomic_cmpxchg(&load_generation, now, now + 1));
	return MIN(now, LAST_GENERATION - 1) + 1;
}

static bool id_is_used(u32 id)
{
	struct task *t;

	list_for_each(t, &tasklist, all_node) {
		if (t->id == id)
			return true;
	}
	return false;
}

/* The next one that nobody has. Caller holds tasklist_lock. */
static u32 choose_id(void)
{
	do {
		if (++last_task_id == 0 && last_born)
			ids_used_up = true;
	} while (ids_used_up && id_is_used(last_task_id));
	return last_task_id;
}

/* What tasks and idle tasks have in common. From here on others find it. */
void task_init(struct task *t, const char *name, u32 prio, u32 stack)
{
	u32 flags;

	ASSERT(prio < NR_PRIOS);
	strlcpy(t->name, name, sizeof(t->name));
	t->stack = stack;
	t->cr3 = kernel_cr3();
	t->kernel_top = t->scan_top = task_stack_top(t);
	t->base_prio = t->prio = prio;
	t->refs = TASK_LIVING;		/* task_bury() drops it */
	rq_node_init(&t->rq_node);
	flags = spin_lock_irqsave(&tasklist_lock);
	t->id = choose_id();
	t->born = ++last_born;
	/* Whatever its creator knew, it may know: it counts as having run, and as
	 * inspected just where its creator does. */
	t->ran_generation = load_generation;
	t->inspected = current ? rising_read(&current->inspected) : 0;
	list_add_tail(&tasklist, &t->all_node);
	spin_unlock_irqrestore(&tasklist_lock, flags);
	atomic_add(&nr_tasks, 1);
}

static struct task *create(const char *name, u32 prio, cpumask_t affinity, u32 cpu,
                           void (*fn)(void *), void *arg)
{
	struct first_frame *f;
	struct task *t;
	u32 stack;

	ASSERT(!in_interrupt());
	t = kzalloc(sizeof(*t));
	stack = t ? stack_alloc() : 0;
	if (!stack) {
		kfree(t);
		return ERR_PTR(-ENOMEM);
	}
	f = (struct first_frame *)(stack + STACK_SIZE) - 1;
	*f = (struct first_frame){ .entry = task_entry, .fn = fn, .arg = arg };
	t->sp = (u32)f;
	t->state = TASK_BLOCKED;
	t->cpu = cpu;
	t->affinity = affinity;
	task_init(t, name, prio, stack);
	task_get(t);			/* the caller's */
	return t;
}

struct task *task_create_stopped(const char *name, u32 prio, void (*fn)(void *), void *arg)
{
	return create(name, prio, ~0ull, this_cpu_read(id), fn, arg);
}

static struct task *started(struct task *t)
{
	if (!IS_ERR(t))
		task_start(t);
	return t;
}

struct task *task_create(const char *name, u32 prio, void (*fn)(void *), void *arg)
{
	return started(task_create_stopped(name, prio, fn, arg));
}

struct task *task_create_on(u32 cpu, const char *name, u32 prio, void (*fn)(void *), void *arg)
{
	ASSERT(cpus_online & CPU_BIT(cpu));
	return started(create(name, prio, CPU_BIT(cpu), cpu, fn, arg));
}

void task_start(struct task *t) { wake_task(t); }

/* -- references ----------------------------------------------------------------- */

void task_get(struct task *t)
{
	ASSERT(atomic_add(&t->refs, 1) > 1);
}

static void drop(struct task *t, u32 refs)
{
	u32 flags;

	if (atomic_sub(&t->refs, refs))
		return;
	ASSERT(t->dead);
	flags = spin_lock_irqsave(&tasklist_lock);
	list_del(&t->all_node);
	spin_unlock_irqrestore(&tasklist_lock, flags);
	kfree(t);
	/* Last: who waits for these finds the memory given back. */
	atomic_sub(&nr_tasks, 1);
	atomic_sub(&nr_exiting, 1);
}

void task_put(struct task *t) { drop(t, 1); }

/* Its last reference may be on its way out, which only needs the lock to leave
 * the list: a count of 0 must stay 0. */
static bool get_unless_gone(struct task *t)
{
	u32 refs = READ_ONCE(t->refs);

	while (refs && !atomic_cmpxchg(&t->refs, refs, refs + 1))
		refs = READ_ONCE(t->refs);
	return refs != 0;
}

struct task *task_find(u32 id)
{
	u32 flags = spin_lock_irqsave(&tasklist_lock);
	struct task *t, *found = NULL;

	list_for_each(t, &tasklist, all_node) {
		if (t->id == id) {
			found = get_unless_gone(t) ? t : NULL;
			break;
		}
	}
	spin_unlock_irqrestore(&tasklist_lock, flags);
	return found;
}

u64 newest_task(void)
{
	u32 flags = spin_lock_irqsave(&tasklist_lock);
	u64 born = last_born;

	spin_unlock_irqrestore(&tasklist_lock, flags);
	return born;
}

struct task *task_next(struct task *prev)
{
	u32 flags = spin_lock_irqsave(&tasklist_lock);
	struct list *l = prev ? prev->all_node.next : tasklist.next;
	struct task *next = NULL;

	for (; !next && l != &tasklist; l = l->next) {
		struct task *t = list_entry(l, struct task, all_node);
		if (get_unless_gone(t))
			next = t;
	}
	spin_unlock_irqrestore(&tasklist_lock, flags);
	if (prev)
		task_put(prev);
	return next;
}

struct list *task_walk_begin(struct task_walk *w)
{
	w->flags = spin_lock_irqsave(&tasklist_lock);
	w->left = TASKS_AT_ONCE;
	w->pinned = NULL;
	return tasklist.next;
}

void task_walk_end(struct task_walk *w)
{
	spin_unlock_irqrestore(&tasklist_lock, w->flags);
	if (w->pinned)
		task_put(w->pinned);
}

/* Lets others have the lock for a moment; `t`, with a reference, keeps its place in the
 * list. One that is on its way out cannot: then it is the next one's turn. */
struct list *task_walk_breathe(struct task_walk *w, struct task *t)
{
	w->left = 1;
	if (get_unless_gone(t)) {
		task_walk_end(w);
		(void)task_walk_begin(w);
		w->pinned = t;
	}
	return t->all_node.next;
}

/* -- death ---------------------------------------------------------------------- */

void task_begin_exit(void)
{
	if (current->exiting)
		return;
	current->exiting = true;
	atomic_add(&nr_exiting, 1);
}

void task_exit(void)
{
	struct task *t = current;

	ASSERT(may_sleep() && t != this_cpu()->idle);
	if (unlikely(task_mutexes(t)))
		printk("task %u (%s) ends with %u mutexes locked; they stay so until somebody unlocks them\n",
		       t->id, t->name, task_mutexes(t));
	if (unlikely(t->nr_mutexes))
		task_leave_mutexes();
	task_begin_exit();
	stack_trim_surplus();		/* those of tasks that ended before this one */
	set_state(TASK_ZOMBIE);
	schedule();
	panic("task %u (%s) runs after its end", t->id, t->name);
}

/* task_join() waits here. Of no task's own: who is woken may free it. */
static struct wait_queue exits = WAIT_QUEUE(exits, "exit of a task");

/* On the CPU that it left, by the task that came after it (finish_switch). Its
 * stack goes under tasklist_lock's cover: who walks the list reads stacks of
 * those that are not dead.
 *
 *	CPU 0 (walks the list)			CPU 1
 *	has tasklist_lock			t is off its stack
 *	  t->dead? no: reads t's stack		wants tasklist_lock
 *	  ...
 *	lets it go				dead = true
 *						frees the stack */
void task_bury(struct task *t)
{
	u32 flags = spin_lock_irqsave(&tasklist_lock);

	store_release(&t->dead, true);
	spin_unlock_irqrestore(&tasklist_lock, flags);
	stack_free(t->stack);
	drop(t, TASK_LIVING);		/* who joins goes on: nothing of *t from here */
	wake_all(&exits);
}

int task_join(struct task *t, u64 deadline)
{
	ASSERT(t != current);
	return wait_event_core(&exits, !(load_acquire(&t->refs) & TASK_LIVING), deadline);
}

static void ask_to_end(struct task *t, bool *sign)
{
	/* Before wake_interruptible() looks whether t sleeps: it locks. */
	WRITE_ONCE(*sign, true);
	wake_interruptible(t);
	/* In ring 3 nobody asks himself whether he was killed: an interrupt does. It may
	 * go elsewhere meanwhile; then it passes schedule(), and is asked behind that.
	 *
	 *	killer				thread, on CPU 1
	 *	killed = true (locked above)
	 *	runs on CPU 1: IPI
	 *					switched out, in again on CPU 2
	 *					killed? yes */
	if (t->user && READ_ONCE(t->on_cpu))
		smp_reschedule(READ_ONCE(t->cpu));
}

int task_kill(struct task *t)
{
	if (READ_ONCE(t->endless) || t == cpus[READ_ONCE(t->cpu)]->idle)
		return -ENOTSUP;
	ask_to_end(t, &t->killed);
	return 0;
}

void task_ask_stop(struct task *t) { ask_to_end(t, &t->should_stop); }

const char *task_state_name(const struct task *t)
{
	static const char *const name[] = {
		[TASK_RUNNABLE] = "runnable", [TASK_SLEEPING] = "sleeping",
		[TASK_BLOCKED] = "blocked", [TASK_ZOMBIE] = "zombie",
	};

	enum task_state state = READ_ONCE(t->state);	/* of one that may run */

	return READ_ONCE(t->on_cpu) && state == TASK_RUNNABLE ? "running" : name[state];
}
