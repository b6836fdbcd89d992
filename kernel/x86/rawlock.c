#include "x86/rawlock.h"
#include "x86/atomic.h"
#include "x86/cpu.h"

/* In TSC cycles, because it must hold before the clock is calibrated: one to
 * four seconds. The longest honest holder writes a line of 256 characters at
 * 115200 baud, which takes 22 ms. */
#define PATIENCE (1ull << 32)

static bool busted;		/* set once */

void raw_locks_bust(void)       { WRITE_ONCE(busted, true); }
bool raw_locks_are_busted(void) { return READ_ONCE(busted); }

bool raw_trylock(struct rawlock *l, u32 *flags)
{
	*flags = irq_save();
	if (!atomic_xchg(&l->locked, 1) || READ_ONCE(busted))
		return true;
	irq_restore(*flags);
	return false;
}

u32 raw_lock(struct rawlock *l)
{
	u64 start = rdtsc();
	u32 flags;

	while (!raw_trylock(l, &flags)) {
		while (READ_ONCE(l->locked) && !READ_ONCE(busted)) {
			if (rdtsc() - start > PATIENCE)
				return irq_save();
			cpu_relax();
		}
	}
	return flags;
}

void raw_unlock(struct rawlock *l, u32 flags)
{
	store_release(&l->locked, 0);
	irq_restore(flags);
}
