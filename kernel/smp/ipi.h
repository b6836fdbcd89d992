/* The IPI layer: ask other CPUs to do something, wait until they have, and
 * learn who did not. */
#pragma once
#include "lib/types.h"
#include "smp/percpu.h"

/* Runs on the asked CPU with interrupts off. `sp`: from here upwards lies all
 * that the interrupted context holds, its registers included; below it lies
 * only the answering code itself. `regs`: the interrupted registers, NULL when
 * the CPU answered while itself waiting for others. May not sleep, may not
 * call smp_call(). */
typedef void (*smp_fn)(void *arg, const struct regs *regs, u32 sp);

void ipi_init(void);

/* Runs fn(arg) on every online CPU of `mask` except this one, and waits until
 * each has answered or `timeout_ns` has passed. A request that timed out is
 * withdrawn and never runs afterwards. While it waits, this CPU serves what
 * others ask of it. Returns the CPUs that did not answer (0: all did).
 * Context: not from interrupt handlers; preemption is disabled inside;
 * interrupts on or off. Idea: seL4 src/smp/ipi.c. */
cpumask_t smp_call(cpumask_t mask, smp_fn fn, void *arg, u64 timeout_ns) must_use;

/* Every other online CPU. */
static inline cpumask_t cpus_others(void) { return cpus_online & ~CPU_BIT(this_cpu()->id); }

/* A fence on other CPUs: what this one wrote before, those of `mask` see from now on; what they
 * wrote before, the caller sees; and none is still in an interrupt handler that it was in at the
 * time of the call. Idle CPUs are not asked. Returns those that did not answer. Context: as
 * smp_call(). */
cpumask_t smp_fence(cpumask_t mask, u64 timeout_ns) must_use;

/* Serves requests posted to this CPU; for code that spins with interrupts off
 * and waits for another CPU. */
void ipi_serve(void);

/* Makes a CPU pass through the scheduler soon. Any context, no wait. */
void smp_reschedule(u32 cpu);

/* TLB shootdown with acknowledgement: drops [start, end) from this CPU and all
 * others. Returns the CPUs that did not answer within two seconds: their TLBs
 * may be stale and the frames must not be reused. */
cpumask_t tlb_shootdown(u32 start, u32 end) must_use;
/* The same for the user part of the address space `cr3`: only CPUs that have it
 * loaded are asked. */
cpumask_t tlb_shootdown_users(u32 cr3, u32 start, u32 end) must_use;

/* Calls of all other CPUs so far, each one broadcast, for `bench` ("at most three"). */
u32 ipi_broadcasts(void);
/* IPIs sent so far, by all CPUs; one for each CPU that is interrupted. A broadcast is as
 * many as it reaches. */
struct ipis { u32 calls, reschedules; };
struct ipis ipis_sent(void);

/* Looks at a CPU that does not answer maskable interrupts: an NMI copies its
 * registers (user_esp: its stack pointer, in ring 0 as well). True when it
 * answered within timeout_ns. For diagnosis only: NMI comes at any instant, so
 * it proves nothing. Any context but NMI. */
bool nmi_look(u32 cpu, struct regs *out, u64 timeout_ns) must_use;

/* For panic, which shows what each CPU was doing: the name of its task. Set
 * once by sched/; in NMI context and with locks broken, so it takes none. */
extern const char *(*cpu_task_name)(u32 cpu);
