#include "unload/counts.h"
#include "sched/sync.h"
#include "smp/percpu.h"
#include "x86/atomic.h"

struct count counts[NR_CPUS][MAX_OWNERS + 1] aligned(64);

/* The increment is one instruction, so that an interrupt does not come in between. */
static always_inline void increment(u32 *number)
{
	__asm__ volatile("incl %0" : "+m"(*number) :: "cc");
}

void count_entrance(u32 slot)
{
	preempt_disable();
	increment(&counts[this_cpu()->id][slot].entrances);
	preempt_enable();
}

void count_exit(u32 slot)
{
	preempt_disable();
	increment(&counts[this_cpu()->id][slot].exits);
	preempt_enable();
}

u32 count_inside(u32 slot)
{
	u32 exits = 0, entrances = 0;

	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		exits += READ_ONCE(counts[cpu][slot].exits);
	barrier();
	sync_point("counts:exits");
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		entrances += READ_ONCE(counts[cpu][slot].entrances);
	return entrances - exits;
}

bool ref_get_unless_zero(struct owner *o)
{
	u32 refs = READ_ONCE(o->refs);

	while (refs && !atomic_cmpxchg(&o->refs, refs, refs + 1))
		refs = READ_ONCE(o->refs);
	return refs != 0;
}

bool ref_put(struct owner *o)
{
	return atomic_sub(&o->refs, 1) == 0;
}
