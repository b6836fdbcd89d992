/* A small seeded generator (xorshift32; G. Marsaglia, "Xorshift RNGs", 2003).
 * For repeatable experiments, not for secrets. */
#pragma once
#include "lib/types.h"

struct prng { u32 state; };

static inline void prng_seed(struct prng *p, u32 seed)
{
	/* Zero is the one fixed point of xorshift; the multiplication spreads
	 * neighbouring seeds apart. */
	p->state = (seed + 1) * 2654435761u;
	if (!p->state)
		p->state = 1;
}

static inline u32 prng_next(struct prng *p)
{
	u32 x = p->state;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return p->state = x;
}

/* A number in [0, n), n > 0. */
static inline u32 prng_below(struct prng *p, u32 n)
{
	return (u32)(((u64)prng_next(p) * n) >> 32);
}
