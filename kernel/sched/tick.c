/* The tick: time slices, due timers, and polling of consoles nobody drives. */
#include "lib/prng.h"
#include "sched/rq.h"
#include "x86/apic.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/trap.h"

#define TICK_NS       (NSEC_PER_SEC / HZ)
#define SEEDED_MIN_NS (20 * NSEC_PER_USEC)
#define SEEDED_SPAN   200000		/* ns */
#define SLICE_TICKS   1
#define BALANCE_TICKS 5
#define SHORTEST_NS   1000		/* a deadline that has passed: as soon as may be */

u32 sched_seed;

static struct prng seeds[NR_CPUS];	/* each CPU its own */

void tick_init_cpu(struct rq *rq)
{
	prng_seed(&seeds[rq->cpu], sched_seed * NR_CPUS + rq->cpu);
}

/* With a seed the CPUs' ticks are random but repeatable: under an emulator that
 * counts instructions, CPUs change at timer deadlines, so a seed is an
 * interleaving. */
static u64 tick_period(u32 cpu)
{
	if (!sched_seed)
		return TICK_NS;
	return SEEDED_MIN_NS + prng_below(&seeds[cpu], SEEDED_SPAN);
}

void tick_program(u64 timer_deadline)
{
	u64 next = MIN(timer_deadline, this_cpu()->rq->next_tick);
	s64 left = (s64)(next - clock_ns());

	lapic_timer_set(left < SHORTEST_NS ? SHORTEST_NS : (u64)left);
}

static bool tick_due(struct rq *rq)
{
	if (!clock_passed(rq->next_tick))
		return false;
	rq->next_tick = clock_ns() + tick_period(rq->cpu);
	return true;
}

/* Somebody of the same or a higher priority waits, and the slice is used up. */
static void check_slice(struct cpu *c, struct rq *rq)
{
	if (++rq->slice < SLICE_TICKS)
		return;
	spin_lock(&rq->lock);
	if (c->task == rq->idle ? rq->ready.nr != 0 : runqueue_has(&rq->ready, c->task->prio))
		c->need_resched = 1;
	spin_unlock(&rq->lock);
}

static void on_timer(struct regs *regs)
{
	struct cpu *c = this_cpu();
	struct rq *rq = c->rq;

	(void)regs;
	lapic_eoi();
	u64 next = ktimer_run_due();
	if (tick_due(rq)) {
		c->tick_seq++;
		if (c->id == 0)
			console_poll();
		check_slice(c, rq);
		if (c->tick_seq % BALANCE_TICKS == 0)
			balance_pull();
	}
	tick_program(next);
}

void tick_start(void)
{
	struct rq *rq = this_cpu()->rq;
	u32 flags = irq_save();

	trap_set_handler(VECTOR_LAPIC_TIMER, on_timer);
	rq->next_tick = clock_ns() + tick_period(rq->cpu);
	tick_program(~0ull);
	irq_restore(flags);
}
