#include "smp/held.h"
#include "smp/percpu.h"
#include "smp/spinlock.h"
#include "x86/cpu.h"

/* Each CPU writes its own. What belongs to an older watch counts as nothing. */
static struct { u32 watch; struct held longest; } on_cpu[NR_CPUS] aligned(64);

static struct spinlock watch_lock = SPINLOCK("held", RANK_LEAF);
static u32 watchers, watch;		/* under watch_lock, peeked at by all */

void held_watch(void)
{
	spin_lock(&watch_lock);
	if (!watchers)
		WRITE_ONCE(watch, watch + 1);
	WRITE_ONCE(watchers, watchers + 1);
	spin_unlock(&watch_lock);
}

struct held held_unwatch(void)
{
	struct held max = { 0, 0 };

	spin_lock(&watch_lock);
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		if (on_cpu[cpu].watch != watch)
			continue;
		max.held = MAX(max.held, on_cpu[cpu].longest.held);
		max.asker = MAX(max.asker, on_cpu[cpu].longest.asker);
	}
	WRITE_ONCE(watchers, watchers - 1);
	spin_unlock(&watch_lock);
	return max;
}

/* This CPU's record; interrupts off. */
static struct held *my_longest(void)
{
	u32 cpu = this_cpu()->id, now = READ_ONCE(watch);

	if (on_cpu[cpu].watch != now) {
		on_cpu[cpu].longest = (struct held){ 0, 0 };
		barrier();
		on_cpu[cpu].watch = now;
	}
	return &on_cpu[cpu].longest;
}

void held_since(u64 since)
{
	if (likely(!READ_ONCE(watchers)))
		return;
	u32 flags = irq_save();
	u64 held = rdtsc() - since;
	struct held *longest = my_longest();

	longest->held = MAX(longest->held, held);
	irq_restore(flags);
}

void held_asker_since(u64 since)
{
	if (likely(!READ_ONCE(watchers)))
		return;
	u32 flags = irq_save();
	u64 held = rdtsc() - since;
	struct held *longest = my_longest();

	longest->asker = MAX(longest->asker, held);
	irq_restore(flags);
}
