#include "x86/msr.h"

/* msr.asm: the two instructions, and where both go on. */
extern const char rdmsr_may_fault[], wrmsr_may_fault[], msr_missing[];

bool msr_fault(struct regs *regs)
{
	if (regs->eip != (u32)rdmsr_may_fault && regs->eip != (u32)wrmsr_may_fault)
		return false;
	regs->eip = (u32)msr_missing;
	return true;
}
