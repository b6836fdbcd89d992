/* What mathlib offers to other modules. */
#pragma once
#include "lib/types.h"

bool math_is_prime(u32 n);
/* The largest r with r * r <= n. */
u32  math_isqrt(u32 n);
u32  math_gcd(u32 a, u32 b);
