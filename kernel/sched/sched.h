/* The scheduler: preemptible, a run queue for each CPU, 32 priorities. */
#pragma once
#include "smp/ipi.h"
#include "sched/task.h"

#define HZ 100			/* ticks a second on each CPU, but see sched_seed */

/* Boot CPU, once: makes the running context, on the boot stack, its idle task,
 * starts the tick and turns interrupts on. The boot goes on in that task, which
 * must not sleep. */
void sched_init(void);
/* The run queue and the idle task of a CPU that is about to be started, on this
 * stack. Tasks can be created for it from then on. 0 or -ENOMEM. */
int  sched_prepare_cpu(struct cpu *c, u32 stack_base) must_use;
/* Each CPU when it enters the scheduler for good: the running context goes on as
 * its idle task. Starts the tick. */
void sched_enter_idle(void) noreturn;
/* Deterministic mode: each tick's period is drawn from a generator with this
 * seed (per CPU), so that a seed is an interleaving. 0: regular ticks. */
extern u32 sched_seed;

/* Gives the CPU away; returns when the task is chosen again. Context: task,
 * no spin lock held, interrupts on. */
void schedule(void);
/* Lets others of the same or higher priority run. Context: as schedule(). */
static inline void yield(void) { schedule(); }
/* Sleeps for that long, killed or not; returns early when the module that the
 * caller belongs to is closing. May sleep. */
void sleep_ns(u64 ns);
#define sleep_ms(ms) sleep_ns((ms) * 1000000ull)
/* Sleeps until killed, asked to stop, or the time is over: 0, -EINTR, -ENODEV.
 * May sleep. */
int  sleep_interruptible_ns(u64 ns);

/* smp_call() for who can wait: a CPU that is late is asked again, and others run on this one
 * meanwhile. fn may run more than once where it came too late to count. Returns the CPUs that
 * did not answer by the deadline. May sleep. */
cpumask_t smp_call_until(cpumask_t mask, smp_fn fn, void *arg, u64 deadline) must_use;

/* smp_fence() of all CPUs, likewise. */
cpumask_t smp_fence_until(u64 deadline) must_use;

/* Makes a sleeping task runnable. True when it was not already. Any context. */
bool wake_task(struct task *t);
/* The same, for a caller that is about to wait for what `t` does: it runs next on
 * this CPU if it may, and no other one is told. Interrupts off. */
bool wake_task_here(struct task *t);

/* -- Johnson's trap ----------------------------------------------------- */
/* linux-kernel, 8 Jul 2002: "it doesn't have to be atomic. It needs only to be
 * volatile. It is used in schedule() to trap all CPUs". Its check is all that
 * schedule() pays. Nonzero: the number of this trap. */
extern volatile u32 module_remove;
/* The CPU whose asker is exempt from the trap: it runs with preemption off. */
extern u32 module_remove_asker;
/* Where each CPU stands while it is trapped. trap == module_remove: it is in, and
 * everything its task holds lies in memory from sp upwards. A CPU that is in
 * answers interrupts, holds no spin lock, and runs no task. */
struct parking {
	volatile u32 trap;
	volatile u32 sp;
} aligned(64);			/* each CPU's in a cache line of its own */
extern struct parking parking[NR_CPUS];
/* Not NULL while module_remove is set: who comes to schedule() does not stand
 * still there, but has look_in_passing(sp) called, with all that the task holds in
 * memory from sp upwards. Preemption off; the function may be called for a moment
 * after it was taken away. */
extern void (*volatile look_in_passing)(u32 sp);

/* Puts the caller to sleep, to be woken by somebody who needs `lock`, which it holds, and
 * switches straight to `t`, which sleeps, past the run queue; NULL: to whoever is next.
 * Lets `lock` go, and returns true when the caller was woken. False: not possible now, and
 * nothing was done. Interrupts off, before and after. */
bool schedule_to(struct task *t, struct spinlock *lock) must_use;

/* Calls look(t, sp, arg) while `t` cannot run, with all that it holds in memory
 * from sp upwards: under the lock of its run queue, interrupts off. False: it is
 * on a CPU. Any context. */
bool task_look_at_rest(struct task *t, void (*look)(struct task *t, u32 sp, void *arg), void *arg);
