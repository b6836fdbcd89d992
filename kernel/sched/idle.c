/* How a CPU enters the scheduler, and what it does when there is nothing to do. */
#include "lib/errno.h"
#include "lib/format.h"
#include "mm/heap.h"
#include "sched/rq.h"
#include "sched/sync.h"
#include "smp/idle.h"
#include "smp/ipi.h"
#include "smp/races.h"
#include "x86/paging.h"
#include "x86/panic.h"
#include "x86/trap.h"

static int make_rq(struct cpu *c, const char *idle_name, u32 stack)
{
	struct rq *rq = kzalloc(sizeof(*rq));
	struct task *t = kzalloc(sizeof(*t));

	if (!rq || !t) {
		kfree(rq);
		kfree(t);
		return -ENOMEM;
	}
	t->cpu = c->id;
	t->affinity = CPU_BIT(c->id);
	t->state = TASK_RUNNABLE;
	t->on_cpu = 1;
	task_init(t, idle_name, 0, stack);

	spin_init(&rq->lock, "run queue", RANK_RQ, true);
	runqueue_init(&rq->queue);
	rq->cpu = c->id;
	rq->idle = rq->curr = t;
	rq->switched_at = rdtsc();
	c->rq = rq;
	c->idle = c->task = t;
	c->cr3 = kernel_cr3();
	return 0;
}

/* Also from NMI, with locks broken. */
static const char *name_on_cpu(u32 cpu)
{
	const struct task *t = cpus[cpu] ? READ_ONCE(cpus[cpu]->task) : NULL;

	return t ? t->name : "none yet";
}

/* Interrupted while idle. A test holds this CPU before it counts as busy, and after that. */
static void from_idle(void)
{
	sync_point("idle:interrupted");
	idle_end();
	sync_point("idle:left");
}

void sched_init(void)
{
	extern char boot_stack[];

	if (make_rq(this_cpu(), "idle/0", (u32)boot_stack))
		panic("no memory for the first run queue");
	cpu_task_name = name_on_cpu;
	tick_init();
	trap_from_idle = from_idle;
	preempt_hook = preempt_from_hook;
#ifdef RACES
	race_yield = yield_as_preempted;
#endif
	trap_exit_work = preempt_from_trap;
	tick_start();
	irq_enable();
}

int sched_prepare_cpu(struct cpu *c, u32 stack_base)
{
	char name[TASK_NAME_LEN];

	snprintf(name, sizeof(name), "idle/%u", c->id);
	return make_rq(c, name, stack_base);
}

/*	CPU 0 (idle)			CPU 1 (wakes a task on CPU 0)
 *	interrupts off
 *	need_resched? no
 *					need_resched = 1, sends an interrupt
 *	sti; hlt: the interrupt
 *	is taken here, and ends hlt
 *
 * With interrupts on between the look and HLT it would be taken too early.
 *
 * All run queues are searched for a task to take over when this CPU has run out of its own, and then
 * once a tick: a task that wakes up is given an idle CPU anyway (choose_cpu()), and with many CPUs a
 * search after each interrupt would cost more than what that came for. */
static void idle_loop(struct rq *rq) noreturn;
static void idle_loop(struct rq *rq)
{
	const struct cpu *c = this_cpu();
	u64 searched = 0, now;

	for (;;) {
		irq_disable();
		if (unlikely(in_interrupt()))	/* an NMI ended HLT */
			idle_end();
		now = rq->switched_at + c->tick_seq;	/* both only rise: it changes with either */
		if (this_cpu_read(need_resched) || (now != searched && balance_pull(rq))) {
			irq_enable();
			schedule();
		} else {
			searched = now;
			idle_begin();
			irq_enable_and_halt();
		}
	}
}

void sched_enter_idle(void)
{
	if (this_cpu()->id != 0)	/* sched_init() did it there */
		tick_start();
	idle_loop(this_cpu()->rq);
}
