/* 64-bit division without the compiler's runtime library. */
#pragma once
#include "lib/types.h"

/* Divides `n` by `d` (not 0); the remainder goes to *rem where rem is given. */
static inline u64 div_u64_rem(u64 n, u32 d, u32 *rem)
{
	u32 hi = (u32)(n >> 32), lo = (u32)n, qhi, qlo, r;
#if defined(__i386__)
	/* DIV faults when the quotient does not fit in 32 bits, so divide the
	 * high half first: its remainder is below d. */
	qhi = hi / d;
	r = hi % d;
	__asm__("divl %4" : "=a"(qlo), "=d"(r) : "a"(lo), "d"(r), "rm"(d));
#else
	qhi = hi / d;
	u64 rest = ((u64)(hi % d) << 32) | lo;
	qlo = (u32)(rest / d);
	r = (u32)(rest % d);
#endif
	if (rem)
		*rem = r;
	return ((u64)qhi << 32) | qlo;
}

static inline u64 div_u64(u64 n, u32 d) { return div_u64_rem(n, d, NULL); }

/* n * mul / div with a 96-bit product, for scaling clocks. The result must fit. */
static inline u64 mul_div_u64(u64 n, u32 mul, u32 div)
{
	/* The product in two digits: `high` of weight 2^32, and the lower half of `low`. */
	u64 low = (n & 0xffffffffu) * mul;
	u64 high = (n >> 32) * mul + (low >> 32);
	u32 rem;
	u64 quotient = div_u64_rem(high, div, &rem);

	return (quotient << 32) + div_u64(((u64)rem << 32) | (u32)low, div);
}
