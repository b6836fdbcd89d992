/* The timer interrupt of each CPU: time slices, the core's timers, balancing. */
#include "lib/prng.h"
#include "sched/ktimer.h"
#include "sched/rq.h"
#include "sched/watchdog.h"
#include "sched/way_out.h"
#include "smp/races.h"
#include "x86/apic.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/trap.h"

#define TICK_NS      (NSEC_PER_SEC / HZ)
#define BALANCE_NS   (50 * NSEC_PER_MSEC)
#define POLL_NS      TICK_NS

/* Deterministic mode: short enough that the CPUs' steps interleave finely, long
 * enough that they get something done. */
#define SEEDED_MIN_NS  (BUILD_SLOWNESS * 20000u)
#define SEEDED_SPAN_NS (BUILD_SLOWNESS * 200000u)

u32 sched_seed;

struct ticker {			/* its own CPU only, interrupts off */
	u64 next_tick;		/* clock_ns(); ~0: not started */
	u64 armed;		/* what the local APIC's timer is set to */
	u64 next_balance;
	u64 next_poll;
	struct prng prng;
};

static struct ticker tickers[NR_CPUS];

static u64 draw_period(struct ticker *t)
{
	u32 ns = race_tick_ns();

	if (unlikely(ns))
		return ns;
	if (likely(!sched_seed))
		return TICK_NS;
	return SEEDED_MIN_NS + prng_below(&t->prng, SEEDED_SPAN_NS);
}

/* Round robin: who has others of its priority waiting goes behind them. */
static void end_slice(struct cpu *c)
{
	struct rq *rq = c->rq;

	if (c->task == rq->idle || runqueue_highest(&rq->queue) < (int)c->task->prio)
		return;
	rq->slice_over = true;
	c->need_resched = 1;
}

static void tick(struct cpu *c, struct ticker *t, u64 now, struct regs *regs)
{
	if (unlikely(c->task->way_out))
		way_out_take(regs);
	end_slice(c);
	if (unlikely(now >= t->next_balance)) {
		t->next_balance = now + BALANCE_NS;
		balance_pull(c->rq);
		watchdog_look(regs);
	}
	if (c->id == 0 && now >= t->next_poll) {
		t->next_poll = now + POLL_NS;
		console_poll();
	}
}

static void set_timer(struct ticker *t, u64 now, u64 deadline)
{
	t->armed = deadline;
	lapic_timer_set(deadline > now ? deadline - now : 0);
}

/* A period of RACES=1 may be shorter than a tick takes; something else is to run between two. */
static u64 time_behind_tick(u64 now)
{
#ifdef RACES
	now = clock_ns();
#endif
	return now;
}

static void on_timer(struct regs *regs)
{
	struct cpu *c = this_cpu();
	struct ticker *t = &tickers[c->id];
	u64 now = clock_ns(), next_timer;

	lapic_eoi();
	c->tick_seq++;
	t->armed = 0;			/* earlier than all: nobody sets it meanwhile */
	next_timer = ktimer_run_due(now);
	if (now >= t->next_tick) {
		tick(c, t, now, regs);
		t->next_tick = time_behind_tick(now) + draw_period(t);
	}
	set_timer(t, now, MIN(t->next_tick, next_timer));
}

void tick_reprogram(u64 deadline)
{
	struct ticker *t = &tickers[this_cpu()->id];

	if (deadline < t->armed)
		set_timer(t, clock_ns(), deadline);
}

void tick_init(void)
{
	for (u32 cpu = 0; cpu < NR_CPUS; cpu++)
		tickers[cpu].next_tick = tickers[cpu].armed = ~0ull;
	trap_set_handler(VECTOR_LAPIC_TIMER, on_timer);
}

/* Interrupts off. */
void tick_start(void)
{
	u32 cpu = this_cpu()->id;
	struct ticker *t = &tickers[cpu];
	u64 now = clock_ns();

	prng_seed(&t->prng, sched_seed ^ cpu << 24);
	t->next_tick = now + draw_period(t);
	t->next_balance = now + BALANCE_NS;
	set_timer(t, now, MIN(t->next_tick, t->armed));
}
