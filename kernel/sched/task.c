/* Tasks: birth, death, and the list of all. */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "sched/rq.h"
#include "sched/wait.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/panic.h"

struct spinlock tasklist_lock = SPINLOCK_IRQ("task list", RANK_TASKLIST);
struct list tasklist = LIST_INIT(tasklist);
u32 nr_tasks;
static u32 last_id;			/* under tasklist_lock */

/* Those who wait in task_join(), for any task. */
static struct wait_queue joiners = WAIT_QUEUE(joiners, "join");

void task_first_frame(void);
void task_entry(void) noreturn;

/* -- birth ---------------------------------------------------------------------- */

static struct task *task_alloc(const char *name, u32 prio)
{
	struct task *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	strlcpy(t->name, name, sizeof(t->name));
	list_init(&t->rq_node);
	list_init(&t->all_node);
	list_init(&t->held);
	t->prio = t->base_prio = prio;
	t->affinity = ~0ull;
	t->refs = 1;
	/* Nothing is known of a child yet: it may be told of any module. */
	t->ran_generation = load_generation;
	/* All it knows it has from its parent: if that one has passed, so has it. */
	t->inspected = current ? current->inspected : 0;
	return t;
}

static void task_enlist(struct task *t)
{
	u32 flags = spin_lock_irqsave(&tasklist_lock);

	t->id = last_id++;
	list_add_tail(&tasklist, &t->all_node);
	nr_tasks++;
	spin_unlock_irqrestore(&tasklist_lock, flags);
}

struct task *task_adopt(const char *name, u32 cpu, u32 stack, u32 stack_top)
{
	struct task *t = task_alloc(name, 0);

	if (!t)
		return NULL;
	t->stack = stack;
	t->stack_top = stack_top;
	t->cpu = cpu;
	t->affinity = CPU_BIT(cpu);
	t->state = TASK_RUNNABLE;
	task_enlist(t);
	return t;
}

/* What switch_stacks() pops for a task that has never run. */
static u32 first_frame(u32 top)
{
	u32 *sp = (u32 *)top;

	*--sp = 0;			/* ends a walk along return addresses */
	*--sp = (u32)task_first_frame;
	*--sp = 0;			/* ebp */
	*--sp = 0;			/* ebx */
	*--sp = 0;			/* esi */
	*--sp = 0;			/* edi */
	return (u32)sp;
}

struct task *task_create_stopped(const char *name, u32 prio, void (*fn)(void *), void *arg)
{
	struct task *t = task_alloc(name, prio);

	if (!t)
		return ERR_PTR(-ENOMEM);
	t->stack = stack_alloc();
	if (!t->stack) {
		kfree(t);
		return ERR_PTR(-ENOMEM);
	}
	t->stack_top = t->stack + STACK_SIZE;
	t->sp = first_frame(t->stack_top);
	t->fn = fn;
	t->arg = arg;
	t->state = TASK_BLOCKED;
	t->cpu = this_cpu_read(id);
	t->refs = 2;			/* the caller's, and the task's own until it has ended */
	task_enlist(t);
	return t;
}

void task_start(struct task *t)
{
	wake_task(t);
}

struct task *task_create(const char *name, u32 prio, void (*fn)(void *), void *arg)
{
	struct task *t = task_create_stopped(name, prio, fn, arg);

	if (!IS_ERR(t))
		task_start(t);
	return t;
}

struct task *task_create_on(u32 cpu, const char *name, u32 prio, void (*fn)(void *), void *arg)
{
	struct task *t = task_create_stopped(name, prio, fn, arg);

	if (IS_ERR(t))
		return t;
	t->affinity = CPU_BIT(cpu);
	t->cpu = cpu;
	task_start(t);
	return t;
}

/* The first C of every new task. */
void task_entry(void)
{
	finish_switch();
	irq_enable();
	preempt_enable();
	struct task *t = current;
	t->fn(t->arg);
	task_exit();
}

/* -- death ------------------------------------------------------------------------ */

void task_exit(void)
{
	ASSERT(may_sleep());
	ASSERT(list_empty(&current->held));
	/* The last switch buries it, see task_buried(). Preemption in between is
	 * harmless: a preempted task stays in the queue whatever its state. */
	WRITE_ONCE(current->state, TASK_ZOMBIE);
	schedule();
	panic("task %u (%s) ran on after its end", current->id, current->name);
}

/* On the stack of the next task, interrupts off, no lock held. */
void task_buried(struct task *prev)
{
	stack_free(prev->stack);
	store_release(&prev->dead, 1);
	wake_all(&joiners);
	task_put(prev);
}

bool task_is_dead(const struct task *t)
{
	return load_acquire(&t->dead);
}

int task_join(struct task *t, u64 deadline)
{
	return wait_event_core(&joiners, task_is_dead(t), deadline);
}

void task_get(struct task *t)
{
	atomic_add(&t->refs, 1);
}

void task_put(struct task *t)
{
	if (atomic_sub(&t->refs, 1))
		return;
	u32 flags = spin_lock_irqsave(&tasklist_lock);
	list_del(&t->all_node);
	nr_tasks--;
	spin_unlock_irqrestore(&tasklist_lock, flags);
	kfree(t);
}

/* A task whose last reference is being dropped is still in the list for a
 * moment; it must not be handed out again. */
static bool get_unless_zero(struct task *t)
{
	u32 refs = READ_ONCE(t->refs);

	while (refs && !atomic_cmpxchg(&t->refs, refs, refs + 1))
		refs = READ_ONCE(t->refs);
	return refs != 0;
}

struct task *task_find(u32 id)
{
	struct task *t, *found = NULL;
	u32 flags = spin_lock_irqsave(&tasklist_lock);

	list_for_each(t, &tasklist, all_node) {
		if (t->id == id && get_unless_zero(t)) {
			found = t;
			break;
		}
	}
	spin_unlock_irqrestore(&tasklist_lock, flags);
	return found;
}

u32 newest_task_id(void)
{
	return READ_ONCE(last_id) - 1;
}

struct task *task_next(struct task *prev)
{
	u32 flags = spin_lock_irqsave(&tasklist_lock);
	struct list *l = prev ? prev->all_node.next : tasklist.next;
	struct task *next = NULL;

	for (; !next && l != &tasklist; l = l->next) {
		struct task *t = list_entry(l, struct task, all_node);
		if (get_unless_zero(t))
			next = t;
	}
	spin_unlock_irqrestore(&tasklist_lock, flags);
	if (prev)
		task_put(prev);
	return next;
}

/* -- asking a task to end ---------------------------------------------------------- */

/* Wakes it if it sleeps where it may be disturbed; there it looks at the flags. */
static void disturb(struct task *t)
{
	smp_mb();		/* the flag before the look at its state; wait.c has the pair */
	if (READ_ONCE(t->state) == TASK_SLEEPING)
		wake_task(t);
}

void task_kill(struct task *t)
{
	WRITE_ONCE(t->killed, true);
	disturb(t);
}

void task_ask_stop(struct task *t)
{
	WRITE_ONCE(t->should_stop, true);
	disturb(t);
}

void task_set_affinity(struct task *t, cpumask_t mask)
{
	u32 flags;
	struct rq *rq = task_rq_lock(t, &flags);

	t->affinity = mask;
	bool must_move = !(mask & CPU_BIT(rq->cpu));
	task_rq_unlock(rq, flags);
	if (must_move && t == current)
		migrate_current();
}

const char *task_state_name(const struct task *t)
{
	static const char *const names[] = { "runnable", "sleeping", "blocked", "zombie" };

	return READ_ONCE(t->on_cpu) ? "running" : names[t->state];
}

u64 task_run_cycles(const struct task *t)
{
	return t->run_cycles;
}
