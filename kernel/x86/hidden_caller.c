/* The caller that a chain of frame pointers does not show. Where code was interrupted before it made its frame,
 * after it gave it back, in a function without one, or nowhere (a call of NULL), EBP is still its caller's, and
 * the chain goes on with the caller's caller:
 *
 *      esp -> | return address |  into the caller: only here
 *             | ...            |
 *      ebp -> | caller's EBP   |
 *             | return address |  into the caller's caller: what the chain shows
 *
 * Whether the frame was made is read from the function's code. */
#include "lib/string.h"
#include "x86/paging.h"
#include "x86/symbols.h"

#define OPENING    48u		/* bytes in which a function makes its frame, if it does */
#define MOST_WORDS 16u		/* pushed by a function without one */

/* Opcodes: Intel SDM vol. 2. */
#define PUSH_EBP 0x55
#define CALL_REL 0xe8
#define RET      0xc3
#define RET_POPS 0xc2
#define GROUP_5  0xff		/* with /2 in ModRM: CALL r/m32 */

static bool is_mapped(u32 addr, u32 bytes)
{
	return kernel_translate(addr) != ~0ull && kernel_translate(addr + bytes - 1) != ~0ull;
}

/* How far it lies behind the start of its function; false: in none. */
static bool offset_in_function(u32 addr, u32 *offset)
{
	char name[112];
	const char *plus;

	if (kernel_symbol(addr, offset))
		return true;
	if (!symbol_hook || !symbol_hook(addr, name, sizeof(name)) || !is_mapped(addr, 1))
		return false;
	/* "name+0x12 [module]"; heap and data are no functions, but then no code is there. */
	plus = strchr(name, '+');
	*offset = 0;
	for (plus = plus ? plus + 3 : ""; *plus && *plus != ' '; plus++)
		*offset = *offset * 16 + (u32)(*plus <= '9' ? *plus - '0' : *plus - 'a' + 10);
	return true;
}

/* Is there a CALL that ends at `addr`? Its forms have 2 to 7 bytes. */
static bool follows_call(u32 addr)
{
	const u8 *p = (const u8 *)addr;
	u32 offset;

	if (addr < KERNEL_BASE + 8 || addr >= FIXMAP_BASE || !is_mapped(addr - 7, 8) || !offset_in_function(addr - 1, &offset))
		return false;
	if (p[-5] == CALL_REL)
		return true;
	for (u32 n = 2; n <= 7; n++)
		if (p[-(int)n] == GROUP_5 && (p[-(int)n + 1] >> 3 & 7) == 2)
			return true;
	return false;
}

/* `mov %esp,%ebp`, in its two forms, behind a `push %ebp`; between the two the compiler may put other things. */
static bool makes_frame(const u8 *p, u32 n)
{
	u32 i = 0;

	while (i < n && p[i] != PUSH_EBP)
		i++;
	for (; i + 1 < n; i++)
		if ((p[i] == 0x89 && p[i + 1] == 0xe5) || (p[i] == 0x8b && p[i + 1] == 0xec))
			return true;
	return false;
}

static bool has_frame(u32 eip)
{
	const u8 *p = (const u8 *)eip;
	u32 offset;

	if (!offset_in_function(eip, &offset) || !is_mapped(eip - offset, offset + 1))
		return false;
	return *p != RET && *p != RET_POPS && makes_frame(p - offset, offset < OPENING ? offset : OPENING);
}

u32 hidden_caller(u32 eip, u32 esp, u32 ebp)
{
	const u32 *word = (const u32 *)esp;

	if ((esp & 3) || esp < KERNEL_BASE || esp >= FIXMAP_BASE || has_frame(eip))
		return 0;
	for (u32 i = 0; i < MOST_WORDS && (u32)&word[i] != ebp && is_mapped((u32)&word[i], 4); i++)
		if (follows_call(word[i]))
			return word[i];
	return 0;
}
