#include "user/lib/fault.h"
#include "lib/format.h"

/* Intel SDM vol. 3, table 6-1. */
static const char *const vectors[] = {
	[0] = "divide error", [1] = "debug trap", [3] = "breakpoint", [4] = "overflow",
	[5] = "bound exceeded", [6] = "invalid opcode", [7] = "no floating point here",
	[11] = "segment not present", [12] = "stack segment", [13] = "general protection: a privileged "
	"instruction, or a bad segment", [16] = "floating point", [17] = "alignment check",
	[19] = "floating point",
};

void fault_text(const struct call *c, char *out, u32 size)
{
	const char *name = c->w1 < ARRAY_SIZE(vectors) ? vectors[c->w1] : NULL;

	if ((c->w0 & ~(FAULT_WRITE | FAULT_FETCH)) == FAULT_PAGE)
		snprintf(out, size, "page fault: %s 0x%08x at 0x%08x", c->w0 & FAULT_WRITE ? "wrote" :
		         c->w0 & FAULT_FETCH ? "jumped to" : "read", c->w1, c->w2);
	else if (name)
		snprintf(out, size, "%s, at 0x%08x", name, c->w2);
	else
		snprintf(out, size, "exception %u, at 0x%08x", c->w1, c->w2);
}
