/* Calls from CPU to CPU.
 *
 * A CPU has one request at a time, in its own struct cpu, with a state for each
 * CPU that it asks:
 *
 *	IDLE --post--> POSTED --target begins--> RUNNING --target ends--> DONE
 *	                  |
 *	                  +--asker's time is over--> IDLE (withdrawn)
 *
 * Both ways out of POSTED are a compare-and-exchange, so exactly one wins: a
 * request that was withdrawn never runs, and one that runs is waited for. A
 * late answer is no answer.
 *
 *	CPU 0 (asker)				CPU 1 (target)
 *	time is over				interrupts on again, IPI arrives
 *	POSTED -> IDLE: wins			POSTED -> RUNNING: fails, returns
 *	reports CPU 1, reuses `arg`
 *
 * The target's inbox has a bit for each asker. It is a hint to look, no more: a
 * bit left over from a withdrawn request finds IDLE, or the next request, which
 * may as well run now.
 *
 * Memory order: the asker writes fn and arg, then POSTED (release); the target
 * reads them after its exchange saw POSTED (acquire). What fn did comes before
 * DONE (release), which the asker reads (acquire). The bit is set by a locked
 * instruction between POSTED and the IPI.
 *
 * No deadlock when all call all: who waits, serves. See also spinlock.c. */
#include "smp/ipi.h"
#include "lib/errno.h"
#include "smp/held.h"
#include "smp/machine_check.h"
#include "smp/nmi.h"
#include "smp/races.h"
#include "x86/acpi.h"
#include "x86/apic.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/panic.h"
#include "x86/trap.h"

enum { IPI_IDLE, IPI_POSTED, IPI_RUNNING, IPI_DONE };

static u32 broadcasts;		/* atomic */

u32 ipi_broadcasts(void) { return READ_ONCE(broadcasts); }

struct ipis ipis_sent(void)
{
	struct ipis sum = { 0, 0 };
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		sum.calls += READ_ONCE(cpus[cpu]->calls_sent);
		sum.reschedules += READ_ONCE(cpus[cpu]->reschedules_sent);
	}
	return sum;
}

/* -- the asked side ----------------------------------------------------------- */
struct answer_context {
	struct cpu *me;
	const struct regs *regs;
	u64 since;			/* TSC */
};

static void answer(struct cpu *asker, const struct answer_context *ctx, u32 sp)
{
	struct ipi_request *r = &asker->outgoing;
	u8 *state = &r->state[ctx->me->id];
	if (!atomic_cmpxchg(state, (u8)IPI_POSTED, (u8)IPI_RUNNING))
		return;
	race_note(RACE_ANSWER, asker->id, ctx->me->id);
	race_at(RACE_IPI);
	r->fn(r->arg, ctx->regs, sp);
	held_since(ctx->since);
	store_release(state, (u8)IPI_DONE);
}

/* Interrupts off. */
static u32 answer_all(void *arg, u32 sp)
{
	const struct answer_context *ctx = arg;
	for (u32 w = 0; w < ARRAY_SIZE(ctx->me->inbox); w++) {
		u32 bits = atomic_xchg(&ctx->me->inbox[w], 0);
		for (; bits; bits &= bits - 1)
			answer(cpus[w * 32 + (u32)__builtin_ctz(bits)], ctx, sp);
	}
	return 0;
}

static bool inbox_empty(const struct cpu *me)
{
	for (u32 w = 0; w < ARRAY_SIZE(me->inbox); w++)
		if (READ_ONCE(me->inbox[w]))
			return false;
	return true;
}

/* Context: any but NMI; no spin lock held (the function served may take it). */
void ipi_serve(void)
{
	if (inbox_empty(this_cpu()))
		return;
	DEBUG_ASSERT(this_cpu()->nr_held == 0);
	u32 flags = irq_save();
	struct answer_context ctx = { this_cpu(), NULL, rdtsc() };
	/* To fn, and to the locks it takes, this is an interrupt like any other. */
	this_cpu_inc(irq_depth);
	with_registers_on_stack(answer_all, &ctx);
	this_cpu_dec(irq_depth);
	irq_restore(flags);
}

static void on_call(struct regs *regs)
{
	struct answer_context ctx = { this_cpu(), regs, rdtsc() };
	lapic_eoi();
	ctx.me->ipi_count++;
	answer_all(&ctx, (u32)regs);
}

/* -- the asking side ---------------------------------------------------------- */
static void post(struct cpu *me, cpumask_t mask)
{
	u32 cpu;
	for_each_cpu_in(cpu, mask) {
		store_release(&me->outgoing.state[cpu], (u8)IPI_POSTED);
		atomic_or(&cpus[cpu]->inbox[me->id / 32], 1u << (me->id % 32));
		me->calls_sent++;
	}
}

/* The shorthand reaches CPUs too that were left out, in whatever state firmware
 * or a failed start left them, so it is only for when there are none: QEMU's
 * SeaBIOS parks them with an enabled APIC, and there it resets the machine. */
static bool every_cpu_runs(void) { return nr_cpus == acpi.nr_cpus_seen; }

static void ring(cpumask_t mask)
{
	u32 cpu;
	race_note(RACE_CALL, (u32)mask, (u32)(mask >> 32));
	race_at(RACE_IPI);
	if (mask == cpus_others()) {
		atomic_add(&broadcasts, 1);
		if (every_cpu_runs()) {
			lapic_broadcast_others(VECTOR_IPI_CALL);
			return;
		}
	}
	for_each_cpu_in(cpu, mask)
		lapic_send(cpus[cpu]->apic_id, VECTOR_IPI_CALL);
}

/* Those of `mask` that are not done yet. */
static cpumask_t not_done(const struct ipi_request *r, cpumask_t mask)
{
	cpumask_t left = mask;
	u32 cpu;
	for_each_cpu_in(cpu, mask)
		if (load_acquire(&r->state[cpu]) == IPI_DONE)
			left &= ~CPU_BIT(cpu);
	return left;
}

/* Takes back what has not begun; returns whom from. */
static cpumask_t withdraw(struct ipi_request *r, cpumask_t mask)
{
	cpumask_t taken_back = 0;
	u32 cpu;
	for_each_cpu_in(cpu, mask)
		if (atomic_cmpxchg(&r->state[cpu], (u8)IPI_POSTED, (u8)IPI_IDLE))
			taken_back |= CPU_BIT(cpu);
	return taken_back;
}

/* Until nobody of `mask` is left or, with a deadline, until then. */
static cpumask_t wait_for(const struct ipi_request *r, cpumask_t mask, const u64 *deadline)
{
	for (;;) {
		ipi_serve();
		mask = not_done(r, mask);
		if (!mask || (deadline && clock_passed(*deadline)))
			break;
		race_waits(true);
		cpu_relax();
	}
	race_waits(false);
	return mask;
}

/* So far ahead that adding it to the present does not overflow. */
#define FOREVER_NS (1ull << 62)

cpumask_t smp_call(cpumask_t mask, smp_fn fn, void *arg, u64 timeout_ns)
{
	ASSERT(!in_interrupt());
	preempt_disable();
	struct cpu *me = this_cpu();
	struct ipi_request *r = &me->outgoing;
	ASSERT(!r->fn);			/* one call at a time: fn may not call on */
	DEBUG_ASSERT(me->nr_held == 0);

	cpumask_t silent = 0;
	mask &= cpus_others();
	if (mask) {
		u64 since = rdtsc();
		u64 deadline = clock_ns() + MIN(timeout_ns, FOREVER_NS);
		r->fn = fn;
		r->arg = arg;
		post(me, mask);
		ring(mask);
		cpumask_t late = wait_for(r, mask, &deadline);
		silent = withdraw(r, late);
		wait_for(r, late & ~silent, NULL);
		r->fn = NULL;
		held_asker_since(since);
	}
	preempt_enable();
	return silent;
}

/* -- rescheduling ------------------------------------------------------------- */
void smp_reschedule(u32 cpu)
{
	struct cpu *target = cpus[cpu];
	WRITE_ONCE(target->need_resched, 1);
	/* The flag alone would do for a CPU that is on its way through the trap
	 * exit; the interrupt gets one out of HLT, and out of user code. */
	if (target != this_cpu()) {
		race_note(RACE_RESCHEDULE, cpu, 0);
		this_cpu_inc(reschedules_sent);
		lapic_send(target->apic_id, VECTOR_IPI_RESCHEDULE);
	}
}

/* The way out of the interrupt looks at need_resched. */
static void on_reschedule(struct regs *regs)
{
	(void)regs;
	lapic_eoi();
	this_cpu_inc(ipi_count);
}

void ipi_init(void)
{
	this_cpu()->apic_id = lapic_id();
	trap_set_handler(VECTOR_IPI_CALL, on_call);
	trap_set_handler(VECTOR_IPI_RESCHEDULE, on_reschedule);
	nmi_init();
	machine_check_init();
	machine_check_enable();
}
