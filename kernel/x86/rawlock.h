/* The lock of the consoles, which must work below smp/, in every context and
 * at the machine's end. Interrupts are off while it is held and, unless the
 * caller had them off, on while it is waited for. The wait is bounded: a
 * holder that never lets go (an NMI or a fault that came while this very CPU
 * held it) costs a mixed-up line, not the message. */
#pragma once
#include "lib/types.h"

struct rawlock {
	u32 locked;		/* atomic */
};

/* Returns the flags for raw_unlock(). Any context. */
u32  raw_lock(struct rawlock *l);
/* False when somebody has it; *flags is for raw_unlock() otherwise. */
bool raw_trylock(struct rawlock *l, u32 *flags) must_use;
void raw_unlock(struct rawlock *l, u32 flags);
/* From now on nobody waits for any raw lock. */
void raw_locks_bust(void);
bool raw_locks_are_busted(void);
