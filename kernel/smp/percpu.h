/* What each CPU has for itself, reached through GS. */
#pragma once
#include "lib/types.h"
#include "x86/cpu.h"
#include "x86/descriptors.h"
#include "x86/regs.h"

struct task;
struct user_thread;
struct rq;
struct spinlock;

/* One cross-CPU request: see ipi.c for the life of `state`. fn: NULL when there is none. */
struct ipi_request {
	void (*fn)(void *arg, const struct regs *regs, u32 sp);
	void *arg;
	u8 state[NR_CPUS];
};

#define MAX_HELD_LOCKS 8

struct cpu {
	/* Fixed after bring-up. */
	struct cpu *self;		/* at GS:0, so that one load finds it */
	u32 id;
	u32 apic_id;
	u64 tsc_at_start;		/* when it woke up */

	/* This CPU only, its interrupts included. */
	struct task *task;		/* `current` */
	struct user_thread *user;	/* current->user, when it was switched to */
	u32 cr3;			/* the address space that is loaded; others peek (tlb.c) */
	u32 preempt_count;		/* > 0: schedule() must not be called */
	u32 irq_depth;			/* nested interrupt handlers; IRQ_DEPTH_IDLE (x86/trap.h) */
	struct rq *rq;
	struct task *idle;
	u64 tick_seq;			/* timer interrupts taken */
	u32 irq_count, ipi_count, nmi_count;
	u32 calls_sent, reschedules_sent;	/* IPIs */

	/* Written by any CPU, read and cleared by this one; away from the above, so
	 * that a call does not take the busiest cache line along. */
	u32 need_resched aligned(64);
	u32 inbox[NR_CPUS / 32];	/* bit s: CPU s has posted a request (atomic) */
	u32 nmi_look;			/* somebody wants nmi_copy (atomic) */
	u32 idle_state;			/* smp/idle.c (atomic) */

	/* This CPU writes, any CPU reads. */
	struct ipi_request outgoing;	/* this CPU's one call in flight */
	struct regs nmi_copy;		/* answer to an NMI look ... */
	u32 nmi_seq;			/* ... of which this is the number */
	struct regs *stopped_at;	/* where a panic elsewhere stopped it */

	/* Debug builds: locks held, in order of taking. This CPU only. */
	u32 nr_held;
	const struct spinlock *held[MAX_HELD_LOCKS];
	u64 held_since[MAX_HELD_LOCKS];	/* TSC */

	struct x86_cpu hw;
} aligned(64);

/* The CPUs that run, without gaps; [0] is the boot CPU. Written by the boot CPU
 * during boot only. The mask is two words, each a subset of the truth while it
 * grows. */
extern struct cpu *cpus[NR_CPUS];
extern u32 nr_cpus;
extern cpumask_t cpus_online;

/* This CPU. The caller must not migrate while it uses the answer. */
static always_inline struct cpu *this_cpu(void)
{
	struct cpu *c;
	__asm__ volatile("movl %%gs:0, %0" : "=r"(c));
	return c;
}

/* Single GS-relative accesses: safe even when preemptible. */
#define this_cpu_read(field) ({                                                 \
	__typeof__(((struct cpu *)0)->field) v_;                                \
	_Static_assert(sizeof(v_) == 4, "one 32-bit access");                   \
	__asm__ volatile("movl %%gs:%c1, %0" : "=r"(v_)                         \
	                 : "i"(offsetof(struct cpu, field)));                   \
	v_; })
#define this_cpu_write(field, value)                                            \
	__asm__ volatile("movl %0, %%gs:%c1" :: "r"(value),                     \
	                 "i"(offsetof(struct cpu, field)) : "memory")
#define this_cpu_inc(field)                                                     \
	__asm__ volatile("incl %%gs:%c0" :: "i"(offsetof(struct cpu, field)) : "memory", "cc")
#define this_cpu_dec(field)                                                     \
	__asm__ volatile("decl %%gs:%c0" :: "i"(offsetof(struct cpu, field)) : "memory", "cc")

/* The running task; stays the same task across migration. */
#define current ({ struct task *t_;                                             \
	__asm__("movl %%gs:%c1, %0" : "=r"(t_) : "i"(offsetof(struct cpu, task))); t_; })

/* -- preemption ---------------------------------------------------------- */
/* Set once by sched/: schedule because need_resched was seen. */
extern void (*preempt_hook)(void);

static always_inline void preempt_disable(void)
{
	this_cpu_inc(preempt_count);
	barrier();
}

static always_inline void preempt_enable_no_resched(void)
{
	barrier();
	this_cpu_dec(preempt_count);
}

static always_inline void preempt_enable(void)
{
	preempt_enable_no_resched();
	if (unlikely(this_cpu_read(need_resched)) && !this_cpu_read(preempt_count) &&
	    irqs_enabled())
		preempt_hook();
}

static always_inline bool in_interrupt(void) { return this_cpu_read(irq_depth) != 0; }
/* May this context sleep? */
static always_inline bool may_sleep(void)
{
	return !in_interrupt() && !this_cpu_read(preempt_count) && irqs_enabled();
}
