/* Spin locks: test and test-and-set. No queue, so not fair; but a lock here is
 * held for a microsecond, and under emulation a queue makes everybody wait for
 * a CPU whose turn it is and which the host has just put to sleep.
 *
 * Waiting and IPIs. A CPU that waits with interrupts off does not answer
 * smp_call(). Two rules keep that from becoming a deadlock:
 *
 *  1. Nobody holds a spin lock while in smp_call() (asserted in debug builds):
 *
 *	CPU 0				CPU 1
 *	spin_lock(L)
 *	smp_call(CPU 1)			interrupts off
 *	  waits for CPU 1		spin_lock(L)
 *					  waits for CPU 0
 *
 *     With the rule, whoever holds L waits for nothing but locks of higher
 *     rank, so every wait for a lock ends.
 *
 *  2. spin_lock_irqsave() waits with interrupts as its caller had them, and
 *     only takes the lock with them off. The wait is then no delay for those
 *     who call this CPU, unless the caller's caller had them off already:
 *
 *	CPU 0				CPU 1			CPU 2
 *	holds L				spin_lock_irqsave(L)	smp_call(CPU 1)
 *	  ...				  interrupts on: answers  goes on
 *	spin_unlock(L)			  has L: interrupts off
 *
 *     An interrupt handler that comes in while this CPU waits may take L
 *     itself: nothing is held yet, so it cannot deadlock with its own CPU. */
#include "smp/spinlock.h"
#include "smp/lockstat.h"
#include "smp/races.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/panic.h"
#include "x86/symbols.h"

/* -- debug builds: who holds what, in what order ------------------------------ */
#ifdef DEBUG
#define SPINNING_TOO_LONG (2 * NSEC_PER_SEC)

/* "name+0x12 (file:line)" of the call that returns to `where`. */
struct place { char text[112]; };
static struct place place_of(u32 where)
{
	struct place p;
	symbolise(where - 1, p.text, sizeof(p.text));
	return p;
}

static void check_before(const struct spinlock *l, u32 where)
{
	struct cpu *c = this_cpu();
	if (spin_held(l))
		panic("spin lock '%s' taken twice: by %s, and again by %s", l->name,
		      place_of(l->where).text, place_of(where).text);
	if (l->irq && irqs_enabled())
		panic("spin lock '%s' is taken in interrupts too, but %s takes it with interrupts on: "
		      "use spin_lock_irqsave()", l->name, place_of(where).text);
	if (!l->irq && c->irq_depth)
		panic("spin lock '%s' is not for interrupts, but %s takes it in one: make it a SPINLOCK_IRQ() "
		      "and use spin_lock_irqsave()", l->name, place_of(where).text);
}

/* Ranks rise. Locks of equal rank (two run queues) have an order of their own,
 * which their user knows. In an interrupt, the plain locks of whom it came upon
 * do not count: nobody waits for one while he holds a lock that interrupts take
 * as well (asserted here, too), so no circle closes through them. */
static void check_rank(const struct spinlock *l, u32 where)
{
	struct cpu *c = this_cpu();
	for (u32 i = 0; i < c->nr_held; i++) {
		const struct spinlock *held = c->held[i];
		if (c->irq_depth && !held->irq)
			continue;
		if (held->rank > l->rank)
			panic("lock order: '%s' (rank %u) taken by %s under '%s' (rank %u)",
			      l->name, l->rank, place_of(where).text, held->name, held->rank);
		if (held->irq && !l->irq)
			panic("lock order: plain '%s' taken by %s under '%s', which interrupts take",
			      l->name, place_of(where).text, held->name);
	}
}

/* Interrupts off: one that takes a lock between the two stores would use the same place,
 * or, when the count comes first, find in it what lay there before. */
static void note_taken(struct spinlock *l)
{
	struct cpu *c = this_cpu();
	u32 flags = irq_save();
	if (c->nr_held == MAX_HELD_LOCKS)
		panic("more than %u spin locks held, '%s' the last", MAX_HELD_LOCKS, l->name);
	c->held_since[c->nr_held] = rdtsc();
	c->held[c->nr_held++] = l;
	irq_restore(flags);
}

/* Locks may be let go in any order. */
static void note_released(struct spinlock *l)
{
	struct cpu *c = this_cpu();
	if (!spin_held(l))
		panic("spin lock '%s' released by a CPU that does not hold it", l->name);
	u32 flags = irq_save(), i = c->nr_held;
	while (i > 0 && c->held[i - 1] != l)
		i--;
	if (unlikely(READ_ONCE(lockstat_on)))
		lockstat_held(l->name, rdtsc() - c->held_since[i - 1], l->where);
	for (; i < c->nr_held; i++) {
		c->held[i - 1] = c->held[i];
		c->held_since[i - 1] = c->held_since[i];
	}
	c->nr_held--;
	irq_restore(flags);
}

static void report_long_wait(const struct spinlock *l, u32 where, u64 *since)
{
	u64 now = clock_ns();
	if (!*since)
		*since = now;
	if (now - *since < SPINNING_TOO_LONG)
		return;
	const struct cpu *owner = READ_ONCE(l->owner);
	*since = now;
	printk("CPU %u has been waiting at %s for 2 s for spin lock '%s', held by CPU %d from %s\n",
	       this_cpu()->id, place_of(where).text, l->name, owner ? (int)owner->id : -1,
	       place_of(READ_ONCE(l->where)).text);
}
#else
static inline void check_before(const struct spinlock *l, u32 where) { (void)l; (void)where; }
static inline void check_rank(const struct spinlock *l, u32 where) { (void)l; (void)where; }
static inline void note_taken(struct spinlock *l) { (void)l; }
static inline void note_released(struct spinlock *l) { (void)l; }
static inline void report_long_wait(const struct spinlock *l, u32 where, u64 *since)
{ (void)l; (void)where; (void)since; }
#endif

/* -- the lock --------------------------------------------------------------- */
void spin_init(struct spinlock *l, const char *name, enum lock_rank rank, bool irq)
{
	*l = (struct spinlock){ .rank = rank, .irq = irq, .name = name };
}

static inline bool try_take(struct spinlock *l, u32 where)
{
	if (atomic_xchg(&l->locked, 1))
		return false;
	WRITE_ONCE(l->owner, this_cpu());
	WRITE_ONCE(l->where, where);
	note_taken(l);
	return true;
}

/* Only reads while it waits: the line stays shared until the holder writes it. */
static void wait_while_locked(const struct spinlock *l, u32 where)
{
	u64 since = 0, begun = rdtsc();
	u32 holder = READ_ONCE(l->where);
	race_waits(true);
	while (READ_ONCE(l->locked)) {
		cpu_relax();
		report_long_wait(l, where, &since);
	}
	race_waits(false);
	if (unlikely(READ_ONCE(lockstat_on)))
		lockstat_waited(l->name, rdtsc() - begun, where, holder);
}

static inline void release(struct spinlock *l)
{
	note_released(l);
	WRITE_ONCE(l->owner, NULL);
	store_release(&l->locked, 0);
}

/* Out of line: a taker that need not wait would save registers for it. `irq`: interrupts were on, and
 * are while it waits. */
static noinline void wait_and_take(struct spinlock *l, u32 where, bool irq)
{
	do {
		if (irq)
			irq_enable();
		wait_while_locked(l, where);
		if (irq)
			irq_disable();
	} while (!try_take(l, where));
}

#define CALLER ((u32)__builtin_return_address(0))

/* Any context, within the rules of the lock's kind. */
void spin_lock(struct spinlock *l)
{
	preempt_disable();
	check_before(l, CALLER);
	check_rank(l, CALLER);
	if (unlikely(!try_take(l, CALLER)))
		wait_and_take(l, CALLER, false);
}

/* Cannot deadlock, so it may be out of order. */
bool spin_trylock(struct spinlock *l)
{
	preempt_disable();
	check_before(l, CALLER);
	if (try_take(l, CALLER))
		return true;
	preempt_enable();
	return false;
}

void spin_unlock(struct spinlock *l)
{
	release(l);
	preempt_enable();
	race_at(RACE_UNLOCK);
}

void spin_unlock_pinned(struct spinlock *l)
{
	release(l);
}

u32 spin_lock_irqsave(struct spinlock *l)
{
	u32 flags = irq_save();
	preempt_disable();
	check_before(l, CALLER);
	check_rank(l, CALLER);
	if (unlikely(!try_take(l, CALLER)))
		wait_and_take(l, CALLER, flags & EFLAGS_IF);
	return flags;
}

void spin_unlock_irqrestore(struct spinlock *l, u32 flags)
{
	release(l);
	irq_restore(flags);
	preempt_enable();
	race_at(RACE_UNLOCK);
}
