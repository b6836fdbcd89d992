/* Tasks: kernel threads now, the threads of processes later. */
#pragma once
#include "lib/list.h"
#include "lib/types.h"
#include "sched/runqueue.h"
#include "sched/wait_queue.h"
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
	TASK_ZOMBIE,		/* has exited, waits for its last reference to go */
};

/* What becomes of a task that was switched away from, when that is not simply to
 * wait or to run on. */
enum task_leaving {
	LEAVING_NOT,
	LEAVING_CPU,		/* may not run on this CPU any more: goes to another */
	LEAVING_WORLD,		/* has exited */
};

/* Higher runs first. */
#define NR_PRIOS     RUNQUEUE_LEVELS
#define PRIO_LOW      8
#define PRIO_NORMAL  16
#define PRIO_HIGH    24
#define PRIO_TOP     31	/* an unload that looks again; stopper threads */
#define PRIO_INSIDER 30	/* those whom it wants out: below who looks, above all others */

/* In task.refs, until the task is off its stack and the stack is given back. */
#define TASK_LIVING 0x40000000u

struct way_out;
struct owner;			/* entry/: whose code a thread runs; opaque here */
struct user_thread;		/* ipc/: what a thread of a process is besides a task */

struct task {
	/* The CPU that runs it writes; others read after load_acquire(&on_cpu) == 0. */
	u32 sp;				/* saved; all registers lie at and above it.
					 * First: switch.asm knows it by its place */
	u32 on_cpu;			/* still on a CPU's stack pointer */
	u32 ran_generation;		/* load_generation when it last left a CPU */

	/* Under tasklist_lock. Here, so that a walk over thousands who have not run
	 * since the load touches one cache line of each. */
	struct list all_node;		/* in order of birth */
	bool dead;			/* off its stack for good */

	/* Fixed after creation. */
	u32 id;				/* no two that exist have the same; 0: the boot CPU's idle task */
	u64 born;			/* rises by one with each task */
	char name[TASK_NAME_LEN];
	u32 stack;			/* lowest usable byte; STACK_SIZE long */
	struct owner *owner;		/* NULL: the core's */

	/* Written before the task starts and, when its process ends, by itself. */
	u32 cr3;			/* its address space */
	u32 kernel_top;			/* where the kernel's part of its stack begins: the registers
					 * of ring 3 lie above, and prove nothing */
	struct user_thread *user;	/* NULL: a task of the kernel's own */

	/* Under the lock of the run queue it belongs to (cpu's). `state` is also set
	 * by the task itself, on its way into schedule(). */
	enum task_state state;
	enum task_leaving leaving;
	bool on_rq;			/* counted there: queued, running, or on its way there */
	u32 cpu;			/* where it runs, or last ran */
	u32 prio;			/* effective: the highest of the next four */
	u32 base_prio;			/* its own */
	u32 lent_prio;			/* from those who wait for its mutexes; 0: nothing */
	u32 call_prio;			/* from those whose calls it is to answer; 0: nothing */
	u32 helped;			/* from unloads that want it out: the highest below; 0: nothing */
	u32 boosts_top, boosts_insider;	/* how many have raised it so far, and not taken it back */
	struct rq_node rq_node;
	cpumask_t affinity;		/* where it may run */
	u64 run_cycles;			/* TSC cycles it ran, up to its last switch */

	/* Its own; others read it after load_acquire(&on_cpu) == 0. */
	u32 scan_top;			/* where inspections stop; == stack: they read nothing, since it
					 * is outside of all modules (user/inside.h) */

	/* Own task only. */
	bool exiting;
	u32 nr_mutexes;			/* locked by it; mutex.c knows how many of them it holds */
	u32 must_return;		/* frames that others rely on: on wait queues, in callbacks */
	bool told_to_leave;		/* it saw a sign to stop: a wait that ended with an error for it,
					 * or kthread_should_stop(). entry/thread.c takes it back */
	const struct entry_call *entry_calls;	/* entry/: records whose functions it is in; NULL: none */
	struct way_out *way_out;	/* of the innermost call that may not return; NULL */
	u32 preempted_at;		/* EIP that an interrupt took the CPU from it at; 0: none did */

	/* Written by the task before it sets its state, so that whoever sees it
	 * sleep sees them. */
	char waiting_for[WAIT_NAME_LEN];	/* a copy: the name may lie in a module */
	u32 wait_caller;		/* return address of who asked to sleep */
	bool lends;			/* it waits for a mutex, and lends its priority */
	u32 works_on;			/* what the function of a module that it runs was given, a
					 * thread's or work item's argument; 0: nothing */

	/* Atomic. */
	u32 unlocked_by_others;		/* of its mutexes, and a bit once it has ended: see mutex.c */
	u32 refs;			/* and TASK_LIVING */
	bool killed;
	bool should_stop;
	bool endless;			/* a kill would end its waits, and not the task */

	/* Under a lock of unload/ahead.c. */
	struct list again;		/* whose stacks are to be read again; next NULL: not in it */

	/* Rises (x86/atomic.h); written by who inspects it, without a lock. */
	u64 inspected aligned(8);	/* unload/: number of the last inspection that passed it */
};

/* Raised by each load before any of the module's code can be reached. A task
 * with ran_generation below a module's generation has not run since. It does not wrap: at
 * its end it stays, and from then on who has run since the last but one of all loads counts as
 * having run since any, which costs a look, no more. */
extern u32 load_generation;
#define LAST_GENERATION 0xffffffffu
/* A module is loaded: its generation. Any context. */
u32 next_load_generation(void);

/* Never held by a CPU that parks (schedule() is entered without spin locks). */
extern struct spinlock tasklist_lock;
extern struct list tasklist;
/* Atomic: tasks whose record takes memory, and those of them that are on their way out or
 * have ended. */
extern u32 nr_tasks, nr_exiting;

/* -- creation and end -------------------------------------------------- */
/* A new task, runnable at once, with one reference for the caller. Errors as
 * ERR_PTR: -ENOMEM. `name` is copied. Not from interrupts; does not sleep. */
struct task *task_create(const char *name, u32 prio, void (*fn)(void *), void *arg) must_use;
/* Bound to one CPU. */
struct task *task_create_on(u32 cpu, const char *name, u32 prio, void (*fn)(void *), void *arg) must_use;
/* Not yet runnable: finish set-up, then task_start(). */
struct task *task_create_stopped(const char *name, u32 prio, void (*fn)(void *), void *arg) must_use;
void task_start(struct task *t);
/* References keep the struct, not the stack. Any context. */
void task_get(struct task *t);
void task_put(struct task *t);
/* By id, with a reference; NULL when there is none. */
struct task *task_find(u32 id) must_use;
/* For a walk over all tasks, in order of birth, that holds no lock between two:
 * the next after `prev`, with a reference, and prev's is given back; starts with
 * NULL and ends with NULL. Any context. */
struct task *task_next(struct task *prev) must_use;
extern u32 last_task_id;		/* under tasklist_lock (a test lets it begin elsewhere) */
/* `born` of the last one. Any context. */
u64 newest_task(void);
/* From here on the calling task counts as exiting: said before others are told that it
 * ends, so that they can wait until nothing is left of it (nr_exiting). Task context. */
void task_begin_exit(void);
/* How many mutexes it holds. (mutex.c) */
u32  task_mutexes(const struct task *t);
/* Ends the calling task. Context: as schedule(). */
void task_exit(void) noreturn;
/* Asks a task to end: its interruptible waits return -EINTR. 0; -ENOTSUP: it is one that
 * the kernel needs. Any context. */
int  task_kill(struct task *t);
static inline bool task_killed(void) { return READ_ONCE(current->killed); }
/* Asks a thread to stop: wakes it, task_should_stop() becomes true and its
 * interruptible waits return -EINTR. Does not wait. Any context. */
void task_ask_stop(struct task *t);
static inline bool task_should_stop(void) { return READ_ONCE(current->should_stop); }
/* Waits until `t` has exited and nothing is left of it but what references keep: with the
 * last of them it is gone at once. 0, -ETIMEDOUT. May sleep. */
int task_join(struct task *t, u64 deadline) must_use;
/* Has it left its stack for good? Any context. */
static inline bool task_is_dead(const struct task *t) { return __atomic_load_n(&t->dead, __ATOMIC_ACQUIRE); }
/* A task that left its CPU before a module of that generation came holds nothing of it. The order of
 * the two looks is for who asks while tasks run: it was off its CPU, and until then had not run since
 * the load. Any context. */
static always_inline bool task_has_not_run_since(const struct task *t, u32 generation)
{
	return !__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE) && t->ran_generation < generation;
}
/* Changes the priority of `t`, also while it runs or waits. What others lend it
 * stays. Any context. */
void task_set_prio(struct task *t, u32 prio);
/* Raises `t` to at least `prio` (PRIO_INSIDER or PRIO_TOP), and with it whoever owns the mutex
 * that `t` waits for, and so on, until the same is taken back. Several may do so at once; each
 * takes back its own. Any context. */
void task_boost(struct task *t, u32 prio);
void task_unboost(struct task *t, u32 prio);
/* The highest priority of those whose calls it is to answer; 0: none. Any context. */
void task_set_call_prio(struct task *t, u32 prio);
/* At least one running CPU must be in `mask`. A running task is moved when it
 * next passes through schedule(), another CPU's at once. Any context. */
void task_set_affinity(struct task *t, cpumask_t mask);
/* TSC cycles that it has run so far. Any context. */
u64  task_run_cycles(struct task *t);
const char *task_state_name(const struct task *t);
static inline u32 task_stack_top(const struct task *t) { return t->stack + STACK_SIZE; }

/* Is a module that is entered here found by an inspection? Asserted at every way in. An interrupt
 * handler's CPU answers only when it has returned. Any context. */
static inline bool stack_is_read(void) { return in_interrupt() || current->scan_top != current->stack; }
/* The calling task will not return into a module, whatever its stack shows. */
static inline void task_is_outside(void) { current->scan_top = current->stack; }

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

/* -- a walk over all of them ---------------------------------------------- */
#define TASKS_AT_ONCE 32
struct task_walk {
	u32 flags, left;
	struct task *pinned;
};
struct list *task_walk_begin(struct task_walk *w);
struct list *task_walk_breathe(struct task_walk *w, struct task *t);
void task_walk_end(struct task_walk *w);

/* Calls visit(t, arg) for each task, in order of birth, with tasklist_lock held. It is let
 * go after every few tasks, and whenever visit() says that this one took long (true), so
 * that nobody waits for long however many there are. Any context; visit() may take locks
 * of higher rank. Inline, with its visit(): thousands of tasks may have to be passed. */
static always_inline void tasks_each(bool (*visit)(struct task *t, void *arg), void *arg)
{
	struct task_walk w;
	struct list *l = task_walk_begin(&w);

	while (l != &tasklist) {
		struct task *t = list_entry(l, struct task, all_node);

		if (unlikely(visit(t, arg)) || unlikely(!--w.left))
			l = task_walk_breathe(&w, t);
		else
			l = l->next;
	}
	task_walk_end(&w);
}
