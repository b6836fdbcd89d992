/* The report of a race, once for each pair of places. */
#include "check/kcsan.h"
#include "smp/percpu.h"
#include "x86/atomic.h"
#include "x86/console.h"
#include "x86/symbols.h"

#define NR_PAIRS 64u

static struct { u32 a, b; } told[NR_PAIRS];	/* under `reporting` */
static u32 nr_told;
static u32 reporting;				/* atomic: one report at a time */
static u32 races, expected_races;		/* atomic */
static u32 expected_at, expected_len;

void kcsan_expect(const void *p, u32 len)
{
	WRITE_ONCE(expected_len, 0);
	WRITE_ONCE(expected_at, (u32)p);
	WRITE_ONCE(expected_len, p ? len : 0);
}

u32 kcsan_races(void)    { return READ_ONCE(races); }
u32 kcsan_expected(void) { return READ_ONCE(expected_races); }

static bool is_expected(const struct kcsan_side *s)
{
	u32 len = READ_ONCE(expected_len), start = READ_ONCE(expected_at);

	return s->addr < start + len && start < s->addr + s->size;
}

/* Caller holds `reporting`. Places, not stacks: a race is one however it was reached. */
static bool is_new(u32 a, u32 b)
{
	for (u32 i = 0; i < nr_told; i++)
		if ((told[i].a == a && told[i].b == b) || (told[i].a == b && told[i].b == a))
			return false;
	if (nr_told < NR_PAIRS) {
		told[nr_told].a = a;
		told[nr_told++].b = b;
	}
	return true;
}

static void print_side(const struct kcsan_side *s)
{
	char where[96];

	printk("  CPU %u (task %s): %s%s of %u byte%s at 0x%08x\n", s->cpu, s->task,
	       s->kind & KCSAN_MARKED ? "marked " : "", s->kind & KCSAN_WRITE ? "write" : "read",
	       s->size, s->size == 1 ? "" : "s", s->addr);
	for (u32 i = 0; i < s->depth; i++) {
		symbolise(s->stack[i], where, sizeof(where));
		printk("    %08x %s\n", s->stack[i], where);
	}
}

static void print(const struct kcsan_side *watcher, const struct kcsan_side *other, u32 before, u32 after)
{
	char here[96], there[96];

	symbolise(watcher->stack[0], here, sizeof(here));
	if (other)
		symbolise(other->stack[0], there, sizeof(there));
	printk("KCSAN: data race between %s and %s\n", here,
	       other ? there : "code that is not instrumented");
	print_side(watcher);
	if (before != after)
		printk("    meanwhile 0x%x became 0x%x\n", before, after);
	if (other)
		print_side(other);
}

void kcsan_report(const struct kcsan_side *watcher, const struct kcsan_side *other, u32 before, u32 after)
{
	if (is_expected(watcher)) {
		atomic_add(&expected_races, 1);
		return;
	}
	while (atomic_xchg(&reporting, 1u))
		cpu_relax();
	if (is_new(watcher->stack[0], other ? other->stack[0] : 0)) {
		atomic_add(&races, 1);
		print(watcher, other, before, after);
	}
	store_release(&reporting, 0u);
}
