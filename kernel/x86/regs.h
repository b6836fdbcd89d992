/* What the trap entry (vectors.asm) leaves on the stack, lowest address first. */
#pragma once
#include "lib/types.h"

struct regs {
	u32 gs, fs, es, ds;
	u32 edi, esi, ebp, esp_ignored, ebx, edx, ecx, eax;	/* PUSHA; see vectors.asm */
	u32 vector, error;
	u32 eip, cs, eflags;					/* by the CPU */
	u32 user_esp, user_ss;					/* only when from ring 3 */
};

/* Where the interrupted code's stack begins: no stack switch happens inside
 * ring 0, so it lies right above the frame. */
static inline u32 regs_kernel_sp(const struct regs *r) { return (u32)&r->user_esp; }
static inline bool regs_from_user(const struct regs *r) { return (r->cs & 3) == 3; }
