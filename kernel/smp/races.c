/* Delays by seed. Each seed has one of three plans:
 *
 * - scattered: at one access to memory in some 64 to 8,192, and at every second to eighth other place, a CPU is
 *   delayed for a time of which short ones are as likely as long ones, or its task gives way to another;
 * - long: ten times more seldom, and for ten times as long: longer than any code in between takes;
 * - ranked: CPUs have ranks, and one stands still at its next place while one of higher rank is busy. At random
 *   accesses the CPU that makes it falls to the lowest rank. This is the priority-based scheduling of S. Burckhardt
 *   and others, "A randomized scheduler with probabilistic guarantees of finding bugs" (ASPLOS 2010), where a
 *   change of rank is a preemption; there are d - 1 of them in a run, here they go on, seldom or often, since a run
 *   consists of hundreds of unloads.
 *
 * A delay is a loop of PAUSE: with a host thread for each CPU it takes its time, and in a deterministic run QEMU gives
 * the other CPUs their turn at each. No CPU is delayed for ever: a delay has an end, and a CPU that has waited for
 * its betters goes on for a while. So a lock's holder may be delayed, too.
 *
 * None of this is instrumented itself, nor takes a lock. */
#include "smp/races.h"
#include "lib/prng.h"
#include "smp/percpu.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/panic.h"

#define LONGEST_NS     200000u		/* of a delay; ten times as long in a long plan */
#define RANK_WAIT_NS   1000000u		/* for betters */
#define LEAVE_PLACES   2000u		/* that a CPU passes then, at most */
#define TICK_LEAST_NS  6400u		/* 200 instructions of a deterministic run, 32 ns each */
#define TICK_DOUBLINGS 7u		/* up to 25,600 */

enum plan { SCATTERED, LONG, RANKED, NR_PLANS };
static const char *const plan_names[NR_PLANS] = { "scattered", "long", "ranked" };

/* Fixed once they are on. */
static u32 seed;
static enum plan plan;
static u32 accesses;			/* from one access that counts to the next, on average */
static u32 others;			/* one other place in so many counts */
static bool on;				/* atomic */

/* This CPU only, its interrupts included; `busy` keeps those out. Others read the last two. */
static struct race_cpu {
	struct prng prng;
	u32 left;			/* accesses until the next one that counts */
	u32 leave;			/* places until it looks for its betters again */
	u32 delays, yields, places;
	bool busy;
	bool waits;
	u32 rank;			/* atomic; higher goes first */
} aligned(64) per_cpu[NR_CPUS];
static u32 lowest_rank;			/* atomic: falls */

void (*race_yield)(void);

/* -- the order of what CPUs do to each other ---------------------------------------------------- */

/* Atomic. The sum of what each event, with its number, is scattered to: so no lock is needed. */
static u32 nr_events, sum_low, sum_high;

static u32 scatter(u32 x)
{
	x = (x ^ x >> 16) * 0x7feb352du;
	x = (x ^ x >> 15) * 0x846ca68bu;
	return x ^ x >> 16;
}

void race_note(enum race_event event, u32 a, u32 b)
{
	if (!READ_ONCE(on))
		return;
	u32 number = atomic_add(&nr_events, 1u);
	u32 what = scatter(scatter(this_cpu_read(id) << 8 | event) ^ scatter(a) ^ scatter(b) * 3);

	atomic_add(&sum_low, scatter(number ^ what));
	atomic_add(&sum_high, scatter(number * 0x9e3779b9u + what));
}

/* -- delays --------------------------------------------------------------------------------------- */

/* Of 1 to most: each order of magnitude as often. */
static u32 any_size(struct prng *p, u32 most)
{
	u32 bits = 32 - (u32)__builtin_clz(most), size = prng_next(p) >> (32 - 1 - prng_below(p, bits));

	return MIN(MAX(size, 1u), most);
}

/* QEMU takes far longer for a turn of another CPU than for some instructions, and others may be idle. */
static void relax(void)
{
	cpu_relax();
	for (u32 i = 0; i < 50; i++)
		barrier();
}

static u64 cycles(u32 ns) { return (u64)ns * (tsc_khz() / 1000) >> 10; }	/* 2 % less */

static void stay(u32 ns)
{
	u64 end = rdtsc() + cycles(ns);

	while ((s64)(rdtsc() - end) < 0)
		relax();
}

static bool may_yield(void)
{
	return irqs_enabled() && !this_cpu_read(preempt_count) && !in_interrupt() && race_yield;
}

/* Of two that may, one yields. */
static void delay(struct race_cpu *me)
{
	if (may_yield() && prng_below(&me->prng, 2)) {
		me->yields++;
		me->busy = false;	/* another task goes on here; this one may do so elsewhere */
		race_yield();
		return;
	}
	me->delays++;
	stay(any_size(&me->prng, plan == LONG ? 10 * LONGEST_NS : LONGEST_NS));
	me->busy = false;
}

/* -- ranks ------------------------------------------------------------------------------------------ */

static bool is_better(u32 cpu, const struct race_cpu *me)
{
	const struct race_cpu *other = &per_cpu[cpu];

	return READ_ONCE(other->rank) > me->rank && !READ_ONCE(other->waits) &&
	       READ_ONCE(cpus[cpu]->task) != cpus[cpu]->idle;
}

static bool has_better(const struct race_cpu *me)
{
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		if (is_better(cpu, me))
			return true;
	}
	return false;
}

static void wait_for_betters(struct race_cpu *me)
{
	u64 end = rdtsc() + cycles(RANK_WAIT_NS);
	bool waited = false;

	while (has_better(me) && (s64)(rdtsc() - end) < 0) {
		waited = true;
		relax();
	}
	me->delays += waited;
	me->leave = waited ? prng_below(&me->prng, LEAVE_PLACES) : 0;
}

static void ranked_place(struct race_cpu *me, bool falls)
{
	if (falls)
		WRITE_ONCE(me->rank, atomic_sub(&lowest_rank, 1u));
	if (me->leave)
		me->leave--;
	else
		wait_for_betters(me);
	me->busy = false;
}

/* -- places ------------------------------------------------------------------------------------------ */

static noinline void place(struct race_cpu *me, bool is_access)
{
	bool counts = is_access || !prng_below(&me->prng, others);

	if (is_access)
		me->left = 1 + prng_below(&me->prng, 2 * accesses);
	me->places++;
	me->busy = true;
	barrier();
	if (plan == RANKED)
		ranked_place(me, is_access && !prng_below(&me->prng, 8));
	else if (counts && !panicked_at.eip)
		delay(me);
	me->busy = false;
}

void race_at(enum race_place where)
{
	if (likely(!READ_ONCE(on)))
		return;
	struct race_cpu *me = &per_cpu[this_cpu_read(id)];
	if (likely(where == RACE_ACCESS) && likely(me->left)) {
		me->left--;		/* stays 0 in an interrupt of a delay */
		return;
	}
	if (!me->busy && !panicked_at.eip)
		place(me, where == RACE_ACCESS);
}

void race_waits(bool waits)
{
	WRITE_ONCE(per_cpu[this_cpu_read(id)].waits, waits);
}

u32 race_tick_ns(void)
{
	struct race_cpu *me = &per_cpu[this_cpu_read(id)];

	if (!READ_ONCE(on))
		return 0;
	u32 least = TICK_LEAST_NS << prng_below(&me->prng, TICK_DOUBLINGS);
	return least + prng_below(&me->prng, least);
}

/* -- begin and end ------------------------------------------------------------------------------------ */

static void shuffle_ranks(struct prng *p)
{
	for (u32 cpu = 0; cpu < NR_CPUS; cpu++)
		per_cpu[cpu].rank = 0x40000000u + NR_CPUS * (prng_next(p) >> 8 & 0xffff) + cpu;
	lowest_rank = 0x40000000u;
}

void races_start(u32 s)
{
	struct prng p;

	if (!s)
		return;
	seed = s;
	prng_seed(&p, s);
	plan = prng_below(&p, NR_PLANS);
	accesses = 1u << (6 + prng_below(&p, 8)) << (plan == LONG ? 3 : 0);
	others = 2 + prng_below(&p, 7);
	if (plan == LONG)
		others *= 10;
	for (u32 cpu = 0; cpu < NR_CPUS; cpu++)
		prng_seed(&per_cpu[cpu].prng, s ^ cpu << 20);
	shuffle_ranks(&p);
	store_release(&on, true);
}

void races_report(void)
{
	u32 delays = 0, yields = 0, places = 0;

	if (!READ_ONCE(on))
		return;
	store_release(&on, false);
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		delays += per_cpu[cpu].delays;
		yields += per_cpu[cpu].yields;
		places += per_cpu[cpu].places;
	}
	printk("races: seed %u: %s, one access in %u; %u places, %u delays, %u yields; order %08x%08x of %u switches "
	       "and IPIs\n", seed, plan_names[plan], accesses, places, delays, yields, sum_high, sum_low, nr_events);
}
