#include "lib/gf256.h"
#include "lib/string.h"

/* Bit by bit, modulo x^8 + x^4 + x^3 + x^2 + 1. */
static u8 multiply(u8 a, u8 b)
{
	u32 product = 0;

	for (u32 bit = 0x80; bit; bit >>= 1) {
		product = product << 1 ^ (product & 0x80 ? 0x11d : 0);
		if (b & bit)
			product ^= a;
	}
	return (u8)product;
}

/* Coefficients from the highest but one (that is 1) down to the constant. */
static void make_generator(u8 *g, u32 degree)
{
	u8 root = 1;

	memset(g, 0, degree);
	g[degree - 1] = 1;
	for (u32 n = 0; n < degree; n++) {
		for (u32 i = 0; i < degree; i++)
			g[i] = multiply(g[i], root) ^ (i + 1 < degree ? g[i + 1] : 0);
		root = multiply(root, 2);
	}
}

void rs_check_symbols(const u8 *data, u32 len, u8 *check, u32 nr_check)
{
	u8 generator[RS_MAX_CHECK];

	make_generator(generator, nr_check);
	memset(check, 0, nr_check);
	for (u32 n = 0; n < len; n++) {
		u8 factor = data[n] ^ check[0];

		for (u32 i = 0; i < nr_check; i++)
			check[i] = (i + 1 < nr_check ? check[i + 1] : 0) ^ multiply(generator[i], factor);
	}
}
