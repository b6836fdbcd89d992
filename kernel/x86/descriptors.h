/* Segments and the TSS. Each CPU has a GDT of its own so that GS can point at
 * its per-CPU data. */
#pragma once
#include "lib/types.h"

#define SEL_KERNEL_CODE 0x08
#define SEL_KERNEL_DATA 0x10
#define SEL_USER_CODE   0x18	/* SYSENTER wants this order, SDM vol. 2, SYSEXIT */
#define SEL_USER_DATA   0x20
#define SEL_PERCPU      0x28
#define SEL_TSS         0x30
#define SEL_DF_TSS      0x38	/* double fault runs on a stack of its own */

struct tss {
	u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
	u32 eax, ecx, edx, ebx, esp, ebp, esi, edi;
	u32 es, cs, ss, ds, fs, gs, ldt;
	u16 trap, iomap;
} packed;

struct x86_cpu {			/* this CPU only, after set-up */
	u64 gdt[8];
	struct tss tss;
	struct tss df_tss;
	u8 df_stack[4096] aligned(16);
};

/* Where the double fault's task starts (trap.c). */
void double_fault(struct x86_cpu *c) noreturn;

/* Builds and loads GDT, GS (base `percpu`) and task register on this CPU. */
void descriptors_load(struct x86_cpu *c, void *percpu);
/* The stack that a trap from ring 3 starts on. */
static inline void descriptors_set_kernel_stack(struct x86_cpu *c, u32 top) { c->tss.esp0 = top; }
