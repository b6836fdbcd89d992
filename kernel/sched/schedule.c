/* schedule(): who runs next on this CPU.
 *
 * The run queue's lock is held across the switch of stacks: the task that
 * switches away takes it, the one that comes lets it go. So whoever holds the
 * lock of the run queue that a task belongs to finds it either running, or off
 * its stack with its registers saved; never in between:
 *
 *	CPU 0 (runs A)				CPU 1
 *	A: state = SLEEPING
 *	schedule(): takes rq 0
 *	  A is not runnable: leaves the queue
 *						wake_task(A): wants rq 0
 *	  saves A's registers, loads B's
 *	B: A->on_cpu = 0, lets rq 0 go
 *						has rq 0: A is off its stack, and may
 *						be queued for any CPU
 *
 * on_cpu is for those who look without the lock (unload/inspect.c): its release
 * orders A's saved registers and A->sp before it. */
#include "sched/rq.h"
#include "smp/races.h"
#include "x86/atomic.h"
#include "x86/panic.h"
#include "x86/regs.h"

/* Caller holds rq->lock. `prev` goes back into the queue unless it came here to
 * wait. A task that was preempted did not come here of its own will:
 *
 *	task				interrupt
 *	state = SLEEPING
 *					need_resched: preempts the task
 *	alarm armed, schedule()
 *
 * If it left the queue now, nothing might ever wake it: it has not come to the
 * point where what wakes it is set up. It stays, and sleeps when it says so. */
static void put_back(struct rq *rq, struct task *prev, bool preempted)
{
	if (prev->state != TASK_RUNNABLE && !preempted) {
		prev->on_rq = false;
		prev->leaving = prev->state == TASK_ZOMBIE ? LEAVING_WORLD : LEAVING_NOT;
		rq_count(rq, -1);
		return;
	}
	if (unlikely(prev->leaving))	/* LEAVING_CPU: see_off() finds it a place */
		return;
	if (preempted && !rq->slice_over)
		runqueue_add_first(&rq->queue, &prev->rq_node, prev->prio);
	else
		runqueue_add(&rq->queue, &prev->rq_node, prev->prio);
}

/* Caller holds rq->lock. */
static always_inline struct task *take_next(struct rq *rq)
{
	struct rq_node *n = runqueue_first(&rq->queue);

	if (!n)
		return rq->idle;
	runqueue_remove(&rq->queue, n);
	return container_of(n, struct task, rq_node);
}

/* Caller holds rq->lock. The time goes from the register straight to its place: were it
 * kept meanwhile, that would be on the stack of a task that is about to rest. The low
 * half of a time looks like any address, and among thousands of tasks some would look
 * as if they were inside a module (unload/inspect.c). */
static always_inline void charge(struct rq *rq, struct task *prev)
{
	prev->run_cycles -= rq->switched_at;
	rq->switched_at = rdtsc();
	barrier();
	prev->run_cycles += rq->switched_at;
}

static noinline void see_off(struct task *prev, enum task_leaving how)
{
	if (how == LEAVING_WORLD)
		task_bury(prev);
	else
		move_misplaced(prev);
}

/* The first thing a task does when it has got a CPU: what the one before it
 * could not do while it still stood on its stack. Interrupts off. */
static always_inline void finish(void)
{
	struct rq *rq = this_cpu()->rq;
	struct task *prev = rq->last;
	enum task_leaving how = prev->leaving;

	store_release(&prev->on_cpu, 0);
	spin_unlock(&rq->lock);
	if (unlikely(how))
		see_off(prev, how);
}

void finish_switch(void) { finish(); }

/* A thread of a process: its address space, and the stack on which its next way into
 * the kernel begins, which is its own from the first instruction on; an NMI or a
 * debug trap may come right there. */
static always_inline void enter_address_space(struct cpu *c, struct task *next)
{
	c->user = next->user;
	if (next->cr3 != c->cr3) {
		c->cr3 = next->cr3;	/* before it is loaded: see tlb_shootdown_users() */
		write_cr3(next->cr3);
	}
	if (next->user)
		descriptors_set_kernel_stack(&c->hw, task_stack_top(next));
}

/* Caller holds rq->lock; returns on the stack of `prev`, some day, on some CPU,
 * without that lock. */
static always_inline void switch_tasks(struct rq *rq, struct cpu *c, struct task *prev, struct task *next)
{
	charge(rq, prev);
	race_note(RACE_SWITCH, prev->id, next->id);
	prev->ran_generation = load_generation;
	rq->last = prev;
	rq->curr = next;
	c->task = next;
	next->on_cpu = 1;
	if (unlikely(next->user != c->user))
		enter_address_space(c, next);
	switch_stacks(prev, next);
	finish();
}

/* Interrupts off, preempt_count 1. */
static void pick_and_switch(bool preempted)
{
	struct cpu *c = this_cpu();
	struct rq *rq = c->rq;
	struct task *prev = c->task, *next;

	spin_lock(&rq->lock);
	if (likely(prev != rq->idle))
		put_back(rq, prev, preempted);
	rq->slice_over = false;
	next = take_next(rq);
	if (likely(next != prev))
		switch_tasks(rq, c, prev, next);
	else
		spin_unlock(&rq->lock);
}

/* Called with interrupts on and preempt_count 1, so that no interrupt gets in
 * here a second time; returns with interrupts off and preempt_count 0: nobody can
 * ask for another round between the last look and the caller's next step.
 *
 * need_resched is cleared first, and looked at again last: who asks while this CPU
 * is in between is not forgotten, whether he queued a task or set a trap.
 *
 *	CPU 0					CPU 1
 *	need_resched = 0
 *	module_remove? no
 *						module_remove = n, sends an IPI
 *	the IPI: need_resched = 1
 *	picks a task, switches
 *	need_resched? again: parks */
static always_inline void run_scheduler(bool preempted)
{
	for (;;) {
		this_cpu_write(need_resched, 0);
		/* Johnson's flag: all that the trap costs here. */
		if (unlikely(module_remove))
			park_cpu();
		irq_disable();
		pick_and_switch(preempted);
		if (likely(!this_cpu_read(need_resched)))
			break;
		irq_enable();
	}
	preempt_enable_no_resched();
}

/* Context: task, no spin lock held, interrupts on (asserted). */
void schedule(void)
{
	ASSERT(may_sleep());
	preempt_disable();
	run_scheduler(false);
	irq_enable();
}

/* As to wake `t`, if there is one, and to wait, in one step, unless somebody more urgent waits for the CPU,
 * or a trap is set: that is for schedule().
 *
 * The look at module_remove comes with interrupts off: a CPU that has answered the asker's
 * interrupt sees the flag, and one that has not will be interrupted right after.
 *
 *	CPU 0					CPU 1 (kills the caller)
 *	has its rq's lock
 *	killed? no; state = SLEEPING
 *						killed = true
 *	switches; lets the lock go		has it: SLEEPING, wakes it */
bool schedule_to(struct task *t, struct spinlock *lock)
{
	struct cpu *c = this_cpu();
	struct rq *rq = c->rq;
	struct task *prev = c->task;

	DEBUG_ASSERT(!irqs_enabled() && c->preempt_count == 1 && prev != rq->idle);
	spin_lock(&rq->lock);
	if (unlikely(module_remove || c->need_resched || prev->leaving || prev->killed) ||
	    (t && unlikely(t->cpu != rq->cpu || t->on_rq || t->state != TASK_SLEEPING ||
	                   runqueue_highest(&rq->queue) > (int)t->prio))) {
		spin_unlock(&rq->lock);
		return false;
	}
	prev->state = TASK_SLEEPING;
	prev->on_rq = false;
	rq->slice_over = false;
	if (t) {
		t->state = TASK_RUNNABLE;
		t->on_rq = true;	/* one leaves, one comes: nr_running stays */
	} else {
		t = take_next(rq);
		rq_count(rq, -1);
	}
	spin_unlock_pinned(lock);
	switch_tasks(rq, c, prev, t);
	if (likely(!this_cpu_read(need_resched))) {
		preempt_enable_no_resched();
		return true;
	}
	irq_enable();
	run_scheduler(true);
	return true;
}

/* preempt_enable() saw need_resched; its conditions are those of schedule(). */
void preempt_from_hook(void)
{
	preempt_disable();
	run_scheduler(true);
	irq_enable();
}

#ifdef RACES
/* race_yield: behind the others of its priority, as when its slice is over. The conditions are those of schedule(). */
void yield_as_preempted(void)
{
	preempt_disable();
	this_cpu()->rq->slice_over = true;
	run_scheduler(true);
	irq_enable();
}
#endif

/* On the way out of every interrupt, interrupts off. Goes into the scheduler where
 * the interrupted code could have called schedule() itself. An interrupt that
 * comes in meanwhile finds preempt_count 1, so they do not pile up; and from the
 * end of run_scheduler() to IRET interrupts are off. */
void preempt_from_trap(struct regs *regs)
{
	if (likely(!this_cpu_read(need_resched)))
		return;
	if (this_cpu_read(preempt_count) || in_interrupt() || !(regs->eflags & EFLAGS_IF))
		return;
	preempt_disable();
	current->preempted_at = regs->eip;
	irq_enable();
	run_scheduler(true);
	current->preempted_at = 0;
}
