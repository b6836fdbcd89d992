/* schedule(): who runs next. */
#include "lib/errno.h"
#include "lib/format.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "sched/rq.h"
#include "smp/ipi.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/panic.h"
#include "x86/trap.h"

void switch_stacks(u32 *save_sp, u32 load_sp);
extern u8 boot_stack[], boot_stack_top[];

u32 load_generation = 1;

/* -- locks ------------------------------------------------------------------------ */

struct rq *task_rq_lock(const struct task *t, u32 *flags)
{
	for (;;) {
		struct rq *rq = rq_of(READ_ONCE(t->cpu));
		*flags = spin_lock_irqsave(&rq->lock);
		/* It may have moved while the lock was waited for; a task moves only
		 * under the lock of the queue that it leaves. */
		if (rq->cpu == t->cpu)
			return rq;
		spin_unlock_irqrestore(&rq->lock, *flags);
	}
}

void task_rq_unlock(struct rq *rq, u32 flags)
{
	spin_unlock_irqrestore(&rq->lock, flags);
}

/* A task is switched in by who holds the lock of its queue, and off its stack when
 * who switched it out has released it (finish_switch()). */
bool task_look_at_rest(struct task *t, void (*look)(struct task *t, u32 sp, void *arg), void *arg)
{
	u32 flags;
	struct rq *rq = task_rq_lock(t, &flags);
	bool at_rest = !load_acquire(&t->on_cpu);

	if (at_rest)
		look(t, t->sp, arg);
	task_rq_unlock(rq, flags);
	return at_rest;
}

/* -- waking ------------------------------------------------------------------------- */

void rq_enqueue(struct rq *rq, struct task *t)
{
	DEBUG_ASSERT(spin_held(&rq->lock) && list_empty(&t->rq_node));
	runqueue_add(&rq->ready, t);
	if (t->prio > cpus[rq->cpu]->task->prio || cpus[rq->cpu]->task == rq->idle)
		smp_reschedule(rq->cpu);
}

/* The lock of a run queue is held from before the state of the task that
 * leaves is looked at until its registers are saved (finish_switch()), so a
 * waker sees it either still running or fully switched out:
 *
 *   CPU 0 (goes to sleep)            CPU 1 (wakes it)
 *   state = SLEEPING
 *                                    lock rq 0: still on its CPU, on_rq
 *                                    state = RUNNABLE, unlock
 *   schedule(): lock rq 0
 *   state is RUNNABLE: stays in the queue
 */
bool wake_task(struct task *t)
{
	u32 flags;
	struct rq *rq = task_rq_lock(t, &flags);

	if (t->state != TASK_SLEEPING && t->state != TASK_BLOCKED) {
		task_rq_unlock(rq, flags);
		return false;
	}
	t->state = TASK_RUNNABLE;
	if (t->on_rq) {
		task_rq_unlock(rq, flags);
		return true;
	}
	t->on_rq = true;
	u32 cpu = balance_place(t);
	if (cpu == rq->cpu) {
		rq_enqueue(rq, t);
		task_rq_unlock(rq, flags);
		return true;
	}
	/* Between the two locks it is in no list, but on_rq and RUNNABLE, so that
	 * no second waker touches it. */
	t->cpu = cpu;
	spin_unlock(&rq->lock);
	rq = rq_of(cpu);
	spin_lock(&rq->lock);
	rq_enqueue(rq, t);
	task_rq_unlock(rq, flags);
	return true;
}

void task_set_prio(struct task *t, u32 prio)
{
	u32 flags;
	struct rq *rq = task_rq_lock(t, &flags);

	if (t->prio != prio) {
		bool queued = !list_empty(&t->rq_node);
		if (queued)
			runqueue_remove(&rq->ready, t);
		u32 old = t->prio;
		t->prio = prio;
		if (queued)
			rq_enqueue(rq, t);
		else if (prio < old && runqueue_has(&rq->ready, prio))
			smp_reschedule(rq->cpu);	/* somebody may be ahead of it now */
	}
	task_rq_unlock(rq, flags);
}

/* -- the switch --------------------------------------------------------------------- */

void finish_switch(void)
{
	struct rq *rq = this_cpu()->rq;
	struct task *prev = rq->prev;
	/* One that was preempted on its way to the end is in the queue, and comes again. */
	bool dead = prev->state == TASK_ZOMBIE && !prev->on_rq;

	/* From here on another CPU may run it, or read its stack. */
	store_release(&prev->on_cpu, 0);
	spin_unlock(&rq->lock);
	if (unlikely(dead))
		task_buried(prev);
}

static void account(struct rq *rq, struct task *prev)
{
	u64 now = rdtsc(), ran = now - rq->switch_tsc;

	prev->run_cycles += ran;
	if (prev != rq->idle)
		rq->busy_cycles += ran;
	rq->switch_tsc = now;
	rq->switches++;
}

/* Interrupts off, rq->lock held; it is released on the other side. */
static void switch_to(struct cpu *c, struct rq *rq, struct task *prev, struct task *next)
{
	account(rq, prev);
	prev->ran_generation = load_generation;
	next->on_cpu = 1;
	c->task = next;
	rq->prev = prev;
	rq->slice = 0;
	switch_stacks(&prev->sp, next->sp);
	finish_switch();
}

/* Chooses the next task and switches. `preempted`: the task did not ask for it,
 * so whatever its state says, it stays in the queue:
 *
 *   task                                 interrupt
 *   state = SLEEPING
 *   (about to look at its condition)
 *                                        need_resched: preempted here
 *   (must run again to look, or its wake-up, which came before, is lost)
 */
static void pick_and_switch(bool preempted)
{
	irq_disable();
	struct cpu *c = this_cpu();
	struct rq *rq = c->rq;
	struct task *prev = c->task, *next;

	spin_lock(&rq->lock);
	c->need_resched = 0;
	if (prev != rq->idle) {
		if (prev->state == TASK_RUNNABLE || preempted)
			runqueue_add(&rq->ready, prev);
		else
			prev->on_rq = false;
	}
	next = runqueue_first(&rq->ready);
	if (next)
		runqueue_remove(&rq->ready, next);
	else
		next = rq->idle;
	if (next == prev)
		spin_unlock(&rq->lock);
	else
		switch_to(c, rq, prev, next);
	irq_enable();
}

static void schedule_as(bool preempted)
{
	do {
		ASSERT(!this_cpu_read(preempt_count) && !this_cpu_read(irq_depth));
		DEBUG_ASSERT(irqs_enabled());
		/* All that the trap costs: one load and one branch. */
		if (unlikely(module_remove))
			park();
		preempt_disable();
		pick_and_switch(preempted);
		preempt_enable_no_resched();
		preempted = true;
	} while (unlikely(this_cpu_read(need_resched)));
}

void schedule(void)
{
	schedule_as(false);
}

void yield(void)
{
	schedule_as(false);
}

/* Queued here as any other, it waits until somebody pulls it to where it may run;
 * so it goes by itself: to sleep, and is woken elsewhere by a timer. */
void migrate_current(void)
{
	while (!(current->affinity & CPU_BIT(this_cpu_read(id))))
		sleep_ns(1000);
}

/* -- preemption ----------------------------------------------------------------------- */

static void preempt(void)
{
	schedule_as(true);
}

/* On the way out of an interrupt. The stack does not grow without bound: while
 * schedule() works, preempt_count is raised, and what it switches to leaves the
 * interrupt frame behind on the old stack. */
static void on_trap_exit(struct regs *regs)
{
	if (!this_cpu_read(need_resched) || this_cpu_read(preempt_count) ||
	    this_cpu_read(irq_depth) || !(regs->eflags & EFLAGS_IF))
		return;
	current->preempted_at = regs->eip;
	irq_enable();
	preempt();
	irq_disable();
	current->preempted_at = 0;
}

/* -- start ---------------------------------------------------------------------------- */

static struct rq *rq_create(struct cpu *c, struct task *idle)
{
	struct rq *rq = kzalloc(sizeof(*rq));

	if (!rq)
		return NULL;
	rq->cpu = c->id;
	rq->idle = idle;
	spin_init(&rq->lock, "run queue", RANK_RQ, true);
	runqueue_init(&rq->ready);
	rq->switch_tsc = rdtsc();
	idle->on_cpu = 1;
	idle->on_rq = true;
	c->rq = rq;
	c->task = idle;
	c->idle = idle;
	tick_init_cpu(rq);
	return rq;
}

void sched_init(void)
{
	struct task *main = task_adopt("idle/0", 0, (u32)boot_stack, (u32)boot_stack_top);

	if (!main || !rq_create(this_cpu(), main))
		panic("no memory for the scheduler: %u bytes of heap are used", heap_used_bytes());
	trap_exit_work = on_trap_exit;
	preempt_hook = preempt;
	tick_start();
	irq_enable();
}

int sched_prepare_cpu(struct cpu *c, u32 stack_base)
{
	char name[TASK_NAME_LEN];

	snprintf(name, sizeof(name), "idle/%u", c->id);
	struct task *idle = task_adopt(name, c->id, stack_base, stack_base + STACK_SIZE);
	if (!idle)
		return -ENOMEM;
	return rq_create(c, idle) ? 0 : -ENOMEM;
}

/* STI lets no interrupt in before HLT, so a wake-up between the look and the
 * halt ends the halt. */
void sched_enter_idle(void)
{
	if (this_cpu()->id != 0)
		tick_start();
	irq_enable();
	for (;;) {
		irq_disable();
		if (!this_cpu_read(need_resched) && !balance_pull()) {
			irq_enable_and_halt();
		} else {
			irq_enable();
		}
		if (this_cpu_read(need_resched))
			schedule();
	}
}

u64 sched_switches(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < nr_cpus; i++)
		sum += rq_of(i)->switches;
	return sum;
}

u64 sched_cpu_busy_cycles(u32 cpu)
{
	u32 flags = spin_lock_irqsave(&rq_of(cpu)->lock);
	u64 busy = rq_of(cpu)->busy_cycles;
	spin_unlock_irqrestore(&rq_of(cpu)->lock, flags);
	return busy;
}
