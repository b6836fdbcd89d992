/* mathlib: a library. It has no device of its own; modules that use it are
 * bound to its symbols, and it cannot go before them. */
#include "module/api.h"
#include "mathlib.h"

u32 math_isqrt(u32 n)
{
	u32 root = 0;

	/* Digit by digit in base 2, from the highest. */
	for (u32 bit = 1u << 15; bit; bit >>= 1) {
		u32 try = root | bit;
		if (try * try <= n)
			root = try;
	}
	return root;
}
EXPORT_SYMBOL(math_isqrt);

bool math_is_prime(u32 n)
{
	u32 limit = math_isqrt(n);

	if (n < 4)
		return n >= 2;
	if (n % 2 == 0)
		return false;
	for (u32 d = 3; d <= limit; d += 2)
		if (n % d == 0)
			return false;
	return true;
}
EXPORT_SYMBOL(math_is_prime);

u32 math_gcd(u32 a, u32 b)
{
	while (b) {
		u32 rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}
EXPORT_SYMBOL(math_gcd);

static int __init mathlib_init(void)
{
	return 0;
}

module_init(mathlib_init);
MODULE_DESCRIPTION("Whole-number mathematics for other modules");
MODULE_LICENSE("MIT");
