/* Tasks: kernel threads now, the threads of processes later. */
#pragma once
#include "lib/list.h"
#include "lib/types.h"
#include "smp/percpu.h"
#include "smp/spinlock.h"
#include "x86/layout.h"

#define TASK_NAME_LEN 24
#define WAIT_NAME_LEN 16
#define DEAD_STACK_WIPED 512	/* bytes; deeper than any core path from there to the switch */

enum task_state {
	TASK_RUNNABLE,		/* on a run queue, or running */
	TASK_SLEEPING,		/* ends by wake-up, kill, or a closing module */
	TASK_BLOCKED,		/* ends by wake-up only (mutex, core's own waits) */
	TASK_ZOMBIE,		/* has exited, waits to be reaped */
};

/* Higher runs first. */
#define NR_PRIOS     32
#define PRIO_LOW      8
#define PRIO_NORMAL  16
#define PRIO_HIGH    24
#define PRIO_TOP     31	/* those whom an unload wants out; stopper threads */

struct mutex;
struct owner;			/* entry/: whose code a thread runs; opaque here */

struct task {
	/* Fixed after creation. */
	u32 id;
	char name[TASK_NAME_LEN];
	u32 stack, stack_top;		/* lowest usable byte, and one past the highest */
	void (*fn)(void *arg);
	void *arg;
	struct owner *owner;		/* NULL: the core's */
	cpumask_t affinity;		/* where it may run */

	/* Under the lock of the run queue it belongs to (task->cpu's). */
	enum task_state state;
	bool on_rq;
	u32 prio;			/* effective */
	struct list rq_node;
	u32 cpu;
	u64 run_cycles;			/* of the TSC */

	/* The CPU that runs it writes; others read after load_acquire(&on_cpu) == 0. */
	u32 on_cpu;			/* still on a CPU's stack pointer */
	u32 sp;				/* saved; all registers lie at and above it */
	u32 ran_generation;		/* load_generation when it last left a CPU */

	/* Own task writes. */
	char waiting_for[WAIT_NAME_LEN];	/* a copy: the name may lie in a module */
	u32 preempted_at;		/* EIP that an interrupt took the CPU from it at; 0: none did */
	u32 wait_caller;		/* return address of who asked to sleep */

	/* Under the mutexes' chain_lock (mutex.c). */
	u32 base_prio;
	u32 helped;			/* what an unload has raised it to; 0: nothing */
	struct mutex *blocked_on;	/* for handing priority on */
	struct list held;		/* contended mutexes that it owns */

	/* Atomic. */
	u32 refs;
	u32 dead;			/* has exited and left its stack for good */
	bool killed;
	bool should_stop;

	/* Under tasklist_lock. */
	struct list all_node;		/* in order of birth */

	/* Written by who inspects it; no lock. */
	u32 inspected;			/* unload/: number of the inspection that passed it */
};

/* Raised by each load before any of the module's code can be reached. A task
 * with ran_generation below a module's generation has not run since. */
extern u32 load_generation;

extern struct spinlock tasklist_lock;
extern struct list tasklist;
extern u32 nr_tasks;

/* -- creation and end -------------------------------------------------- */
/* A new task, runnable at once, with one reference for the caller. Errors as
 * ERR_PTR: -ENOMEM. `name` is copied. May sleep: no. */
struct task *task_create(const char *name, u32 prio, void (*fn)(void *), void *arg) must_use;
struct task *task_create_on(u32 cpu, const char *name, u32 prio, void (*fn)(void *), void *arg) must_use;
/* The same, but not yet runnable: finish set-up, then task_start(). */
struct task *task_create_stopped(const char *name, u32 prio, void (*fn)(void *), void *arg) must_use;
void task_start(struct task *t);
void task_get(struct task *t);
void task_put(struct task *t);
/* By id, with a reference; NULL when there is none. */
struct task *task_find(u32 id) must_use;
/* For a walk over all tasks, in order of birth, that holds no lock between two:
 * the next after `prev`, with a reference, and prev's is given back; starts with
 * NULL and ends with NULL. Any context. */
struct task *task_next(struct task *prev) must_use;
u32 newest_task_id(void);
/* Ends the calling task. */
void task_exit(void) noreturn;
/* Asks a task to end: its interruptible waits return -EINTR. */
void task_kill(struct task *t);
static inline bool task_killed(void) { return READ_ONCE(current->killed); }
/* Asks a thread to stop: wakes it, task_should_stop() becomes true and its
 * interruptible waits return -EINTR. Does not wait. */
void task_ask_stop(struct task *t);
static inline bool task_should_stop(void) { return READ_ONCE(current->should_stop); }
/* Waits until `t` has exited and is off its stack. 0, -ETIMEDOUT. May sleep. */
int task_join(struct task *t, u64 deadline) must_use;
/* Has it left its stack for good? Any context. */
bool task_is_dead(const struct task *t);
/* Changes the effective priority of `t`, also while it runs or waits. Any
 * context; for mutex.c and task_boost(). */
void task_set_prio(struct task *t, u32 prio);
/* Raises `t` to at least `prio` until it is called with 0, and whoever owns the
 * mutex that `t` waits for, and so on. Any context. */
void task_boost(struct task *t, u32 prio);
void task_set_affinity(struct task *t, cpumask_t mask);
const char *task_state_name(const struct task *t);
static inline u32 task_stack_top(const struct task *t) { return t->stack_top; }
/* Zeroes dead stack below the caller's frame, before it is built upon by frames
 * that will rest there. A frame has slots that are not written on every path;
 * what an earlier, deeper call left in them would look, for as long as the task
 * rests, as if it were inside the module that it once called. Task context.
 *
 * Interrupts may use the same memory meanwhile: what they push is dead again
 * when the zeroing goes on. */
static always_inline void wipe_dead_stack(void)
{
	u32 sp, bottom;

	__asm__ volatile("movl %%esp, %0" : "=r"(sp));
	bottom = MAX(sp - DEAD_STACK_WIPED, current->stack);
	u32 words = (sp - bottom) / sizeof(u32);
	__asm__ volatile("rep stosl" : "+D"(bottom), "+c"(words) : "a"(0) : "memory");
}

/* TSC cycles that it has run, up to its last switch. */
u64 task_run_cycles(const struct task *t);
