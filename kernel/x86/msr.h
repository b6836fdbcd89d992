/* Model-specific registers. Those that CPUID promises (APIC_BASE with a local APIC, EFER with NX, PAT,
 * SYSENTER_*, x2APIC's) are read by rdmsr() of x86/cpu.h. For all others a hypervisor or an emulator may
 * raise #GP, whatever CPUID says: */
#pragma once
#include "x86/regs.h"

/* 0, or -EIO: this CPU has no such register, or refuses the value; *value is then as it was.
 * Any context but NMI, from the time that trap_load() has run. */
int rdmsr_safe(u32 msr, u64 *value) must_use;
int wrmsr_safe(u32 msr, u64 value) must_use;
/* A general protection fault of the kernel, for trap.c: was it one of these two? Then they return -EIO. */
bool msr_fault(struct regs *regs);
