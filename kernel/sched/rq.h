/* Inside sched/: a CPU's run queue with its lock, and who runs. */
#pragma once
#include "sched/sched.h"
#include "sched/wait.h"
#include "x86/cpu.h"

struct regs;

struct rq {
	struct spinlock lock;
	/* Fixed. */
	u32 cpu;
	struct task *idle;		/* runs when nobody else does; never queued */

	/* Under lock. */
	struct runqueue queue;		/* those who wait; the running task is not in it */
	struct task *curr;
	u32 nr_running;			/* waiting and running, without idle; others peek: see rq_count() */
	u64 switched_at;		/* TSC, of the last switch */

	/* This CPU only. */
	bool slice_over;		/* curr goes behind the others of its priority */
	struct task *last;		/* who ran before the switch that is going on */
};

/* Caller holds rq->lock. One store: who looks for the busiest CPU reads it without the lock. */
static inline void rq_count(struct rq *rq, int by) { WRITE_ONCE(rq->nr_running, rq->nr_running + (u32)by); }

static inline struct rq *rq_of(u32 cpu) { return cpus[cpu]->rq; }

/* Locks the run queue that `t` belongs to; interrupts off. */
struct rq *task_rq_lock(struct task *t, u32 *flags);
static inline void rq_unlock(struct rq *rq, u32 flags) { spin_unlock_irqrestore(&rq->lock, flags); }
/* Both, in order of CPU number. Interrupts are off. */
void rq_lock_two(struct rq *a, struct rq *b);
void rq_unlock_two(struct rq *a, struct rq *b);

/* Under the lock of `rq`, t->cpu being rq's: puts a task that is in none into
 * the queue, and tells the CPU when it should run at once. */
void rq_enqueue(struct rq *rq, struct task *t);
void rq_check_preempt(struct rq *rq, const struct task *t);
/* prio.c: mutexes lend the priority of those who wait to those who hold. */
void task_lend_prio(struct task *t, u32 prio);
void task_return_prio(struct task *t);
/* mutex.c: the calling task ends; what it has locked stays locked. */
void task_leave_mutexes(void);
/* Takes a task that left its CPU for good (LEAVING_CPU) to one where it may run. */
void move_misplaced(struct task *t);
/* Where a task that wakes up should run. Any context. */
u32  choose_cpu(const struct task *t);
/* As wake_task(), but only out of TASK_SLEEPING. */
bool wake_interruptible(struct task *t);

/* task.c: the first thing a new task does, and the last that is done to one. */
void task_init(struct task *t, const char *name, u32 prio, u32 stack);
void task_bury(struct task *t);
/* schedule.c: what the next task does for the one before it. */
void finish_switch(void);
void preempt_from_hook(void);
void yield_as_preempted(void);	/* RACES=1 */
void preempt_from_trap(struct regs *regs);
/* switch.asm */
void switch_stacks(struct task *prev, struct task *next);

/* trap_cpus.c: `module_remove` is not 0. */
void park_cpu(void);

/* balance.c: takes a task over from a busier CPU; true when it did. Interrupts
 * off, no lock held. */
bool balance_pull(struct rq *rq);

/* tick.c: the timer interrupt. */
void tick_init(void);
void tick_start(void);
/* A timer of this CPU became the earliest. Interrupts off. */
void tick_reprogram(u64 deadline);

/* wait.c: sleeps once. `heeds` says what may end it besides a wake-up. */
#define HEEDS_SIGNS 1u		/* killed, asked to stop */
#define HEEDS_TIME  4u		/* its way out is overdue */
#define HEEDS_GATE  2u		/* the caller's module is closing */
int  sleep_once(struct waiter *w, u64 deadline, u32 heeds, u32 caller);
/* 0, -EINTR, -ENODEV. */
int  interrupted(u32 heeds, u32 caller);
/* The task says that it is about to sleep: a full fence lies between this and
 * whatever it looks at next. */
void set_state(enum task_state s);
/* Caller holds q->lock. */
void wake_most_urgent(struct wait_queue *q);
