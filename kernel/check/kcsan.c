/* Watchpoints: posting one, and meeting one. */
#include "check/kcsan.h"
#include "smp/ipi.h"
#include "smp/percpu.h"
#include "smp/races.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/paging.h"
#include "x86/panic.h"
#include "x86/symbols.h"

#define NR_BUCKETS   64u
#define BUCKET       2u			/* watchpoints in one */
#define GRANULE      8u			/* a watchpoint lies within one of these */
#define LARGEST      64u		/* of a copied structure: so much is looked at */
#define SKIP         2000u		/* accesses between two watchpoints of a CPU, on average */
#define STALL_US     40u
#define STALL_IRQ_US 10u		/* in an interrupt handler */
#define PATIENCE_US  1000000u		/* for what the other side writes down */

/* A watchpoint is one word: the address in the kernel's quarter (30 bits), shifted by two; the
 * size, a power of two that divides the address, shifted by one, so that the lowest bit set
 * tells it; and in bit 0 whether it writes. */
#define EMPTY    0u
#define CONSUMED 1u			/* no watchpoint: another access hit it, and reports itself */

struct watchpoint {
	u32 word;			/* atomic */
	u32 told;			/* atomic: `other` is complete */
	struct kcsan_side other;	/* who met it */
};

static struct watchpoint watchpoints[NR_BUCKETS][BUCKET];
static u32 on;				/* atomic */
static u32 watched;			/* atomic */

/* This CPU only, its interrupts included. */
static struct kcsan_cpu {
	s32 skip;
	bool busy;			/* an NMI came in here: let it pass */
	u32 random;
} aligned(64) per_cpu[NR_CPUS];

static u32 encode(u32 addr, u32 size, u32 kind)
{
	return (addr - KERNEL_BASE) << 2 | size << 1 | (kind & KCSAN_WRITE);
}

static always_inline bool meets(u32 word, u32 addr, u32 size, u32 kind)
{
	u32 marker = (word & ~1u) & -(word & ~1u), start;

	if (!marker || !((word | kind) & KCSAN_WRITE))
		return false;
	start = ((word & ~1u) - marker) / 4 + KERNEL_BASE;
	return start < addr + size && addr < start + marker / 2;
}

static always_inline struct watchpoint *bucket_of(u32 addr)
{
	return watchpoints[addr / GRANULE % NR_BUCKETS];
}

static always_inline struct watchpoint *find_in(struct watchpoint *w, u32 addr, u32 size, u32 kind)
{
	for (u32 i = 0; i < BUCKET; i++)
		if (unlikely(meets(READ_ONCE(w[i].word), addr, size, kind)))
			return &w[i];
	return NULL;
}

static always_inline struct watchpoint *find(u32 addr, u32 size, u32 kind)
{
	u32 end = addr + MIN(size, LARGEST);

	for (u32 at = ALIGN_DOWN(addr, GRANULE); at < end; at += GRANULE) {
		struct watchpoint *w = find_in(bucket_of(at), addr, size, kind);

		if (unlikely(w))
			return w;
	}
	return NULL;
}

/* -- who it is ------------------------------------------------------------------------ */

static void fill_side(struct kcsan_side *s, u32 addr, u32 size, u32 kind, u32 ip, u32 ebp)
{
	*s = (struct kcsan_side){ .addr = addr, .size = size, .kind = kind, .cpu = this_cpu()->id };
	s->task = cpu_task_name(s->cpu);
	s->stack[s->depth++] = ip - 1;
	while (s->depth < KCSAN_DEPTH && frame_up(&ebp, &s->stack[s->depth]))
		s->depth++;
}

/* -- meeting a watchpoint --------------------------------------------------------------- */

/* Interrupts off: the watcher waits for what is written here. */
static noinline void consume(struct watchpoint *w, u32 addr, u32 size, u32 kind, u32 ip, u32 ebp)
{
	u32 flags = irq_save();
	u32 word = READ_ONCE(w->word);

	if (!per_cpu[this_cpu()->id].busy && meets(word, addr, size, kind) &&
	    atomic_cmpxchg(&w->word, word, CONSUMED)) {
		fill_side(&w->other, addr, size, kind, ip, ebp);
		store_release(&w->told, 1u);
	}
	irq_restore(flags);
}

/* -- posting one ------------------------------------------------------------------------ */

/* Neither the clock nor anything else that is instrumented is called here. */
static void stall(u32 us, const u32 *until)
{
	u64 end = rdtsc() + (u64)us * (tsc_khz() / 1000);

	while (!(until && load_acquire(until)) && (s64)(rdtsc() - end) < 0)
		cpu_relax();
}

static u32 value_at(u32 addr, u32 size)
{
	return size == 1 ? *(volatile u8 *)addr : size == 2 ? *(volatile u16 *)addr : *(volatile u32 *)addr;
}

static struct watchpoint *post(u32 addr, u32 word)
{
	struct watchpoint *w = bucket_of(addr);

	for (u32 i = 0; i < BUCKET; i++) {
		if (atomic_cmpxchg(&w[i].word, EMPTY, word))
			return &w[i];
	}
	return NULL;
}

/* Takes the watchpoint back. Who met it was in the middle of it with interrupts off, so it soon
 * has told all; only a CPU that was stopped by a panic never does. */
static bool was_met(struct watchpoint *w, u32 word, struct kcsan_side *other)
{
	bool told;

	if (atomic_cmpxchg(&w->word, word, EMPTY))
		return false;
	stall(PATIENCE_US, &w->told);
	told = w->told;
	*other = w->other;
	w->told = 0;
	store_release(&w->word, EMPTY);
	return told;
}

static void watch(u32 addr, u32 size, u32 kind, u32 ip, u32 ebp)
{
	u32 word = encode(addr, size, kind), before, after;
	struct watchpoint *w;
	struct kcsan_side me, other;
	bool met;

	before = value_at(addr, size);
	w = post(addr, word);
	if (!w)
		return;
	atomic_add(&watched, 1);
	stall(in_interrupt() ? STALL_IRQ_US : STALL_US, NULL);
	after = value_at(addr, size);
	met = was_met(w, word, &other);
	if ((!met && before == after) || panicked_at.eip)
		return;
	fill_side(&me, addr, size, kind, ip, ebp);
	kcsan_report(&me, met ? &other : NULL, before, after);
}

static u32 next_random(struct kcsan_cpu *c)
{
	c->random = c->random * 1664525 + 1013904223;
	return c->random >> 8;
}

/* A word of what is accessed that a watchpoint can hold; 0: none. */
static u32 watchable(struct kcsan_cpu *c, u32 *addr, u32 size)
{
	if (size > 4) {			/* one of its words */
		*addr = ALIGN_DOWN(*addr + next_random(c) % size, 4u);
		size = 4;
	}
	/* A late use of a module faults where it is, not here. */
	if (*addr & (size - 1) || *addr < KERNEL_BASE || *addr >= FIXMAP_BASE ||
	    kernel_translate(*addr) == ~0ull)
		return 0;
	return size;
}

/* A CPU's own stack is private while the task runs on it, and most accesses are to it. */
static bool is_own_stack(u32 addr, u32 ebp)
{
	return addr - (ebp - PAGE_SIZE) < 2 * PAGE_SIZE && addr / STACK_SLOT == ebp / STACK_SLOT;
}

static noinline void maybe_watch(u32 addr, u32 size, u32 kind, u32 ip, u32 ebp)
{
	u32 flags = irq_save();
	struct kcsan_cpu *c = &per_cpu[this_cpu()->id];

	if (!c->busy && !is_own_stack(addr, ebp)) {
		c->busy = true;
		c->skip = (s32)(SKIP / 2 + next_random(c) % SKIP);
		size = watchable(c, &addr, size);
		if (size)
			watch(addr, size, kind, ip, ebp);
		c->busy = false;
	}
	irq_restore(flags);
}

/* -- each access ------------------------------------------------------------------------ */

void kcsan_check(u32 addr, u32 size, u32 kind, u32 ip, u32 ebp)
{
	struct watchpoint *w;

	race_at(RACE_ACCESS);
	if (unlikely(!READ_ONCE(on)))
		return;
	w = find(addr, size, kind);
	if (unlikely(w))
		consume(w, addr, size, kind, ip, ebp);
	else if (!(kind & KCSAN_MARKED) && unlikely(--per_cpu[this_cpu()->id].skip < 0))
		maybe_watch(addr, size, kind, ip, ebp);
}

void kcsan_start(void)
{
	for (u32 i = 0; i < NR_CPUS; i++)
		per_cpu[i].random = (u32)rdtsc() + i * 0x9e3779b9;
	store_release(&on, 1u);
}

u32 kcsan_watched(void) { return READ_ONCE(watched); }
