/* What the files of the scheduler share, and nobody else needs. */
#pragma once
#include "sched/ktimer.h"
#include "sched/runqueue.h"
#include "sched/sched.h"
#include "smp/spinlock.h"

struct rq {
	/* Fixed. */
	u32 cpu;
	struct task *idle;
	/* Under lock. A task that runs is in no list. */
	struct spinlock lock;
	struct runqueue ready;
	u64 switch_tsc;			/* when the running task was switched in */
	u64 busy_cycles;		/* without the idle task */
	u32 switches;
	/* This CPU only. */
	struct task *prev;		/* who was switched out last, until finished */
	u64 next_tick;
	u32 slice;			/* ticks that the running task has used */
};

static inline struct rq *rq_of(u32 cpu) { return cpus[cpu]->rq; }

/* Locks the run queue that `t` belongs to; interrupts off. */
struct rq *task_rq_lock(const struct task *t, u32 *flags);
void task_rq_unlock(struct rq *rq, u32 flags);
/* Puts a runnable task that runs nowhere into a queue, and has that CPU look.
 * Caller holds rq->lock. */
void rq_enqueue(struct rq *rq, struct task *t);
/* Pulls a task from the busiest CPU to this one. True when one came. Any
 * context with interrupts off and no lock held. */
bool balance_pull(void);
/* Where a task that wakes up should run. */
u32  balance_place(const struct task *t);

/* Creates the struct for a task that has no code of its own to start: the boot
 * context and the idle tasks. */
struct task *task_adopt(const char *name, u32 cpu, u32 stack, u32 stack_top);
/* Called by the next task on the CPU, when `prev` has exited and is off its stack. */
void task_buried(struct task *prev);

/* After a switch, on the new stack: lets go of the task that ran before. */
void finish_switch(void);

/* The parking in schedule(). Interrupts on, preemption on. */
void park(void);

void tick_init_cpu(struct rq *rq);
/* Programs this CPU's timer for the earlier of tick and `timer_deadline`.
 * Interrupts off. */
void tick_program(u64 timer_deadline);
