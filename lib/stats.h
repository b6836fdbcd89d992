/* Median, p99 and maximum of a bounded set of samples. */
#pragma once
#include "lib/types.h"

struct stats {
	u32 *sample;	/* caller's array */
	u32  max;	/* its length */
	u32  n;		/* samples kept (the first `max` of those offered) */
	u32  offered;
	u64  sum;
};

void stats_init(struct stats *s, u32 *array, u32 len);
void stats_add(struct stats *s, u32 value);
/* Percentile p (0..100) by nearest rank; sorts the array. 0 when empty. */
u32  stats_percentile(struct stats *s, u32 p);
