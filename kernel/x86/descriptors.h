/* Segments and the TSS. Each CPU has a GDT of its own so that GS can point at
 * its per-CPU data. */
#pragma once
#include "lib/types.h"
#include "x86/cpu.h"

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

/* The bitmap of I/O ports that ring 3 may use lies behind the TSS; a 1 forbids. Its last
 * byte must be followed by one more with all bits set (Intel SDM vol. 1, 19.5.2). */
#define NR_IO_PORTS 65536u
#define IOMAP_HERE  ((u16)sizeof(struct tss))
#define IOMAP_NONE  0xffff		/* beyond the limit: no port at all */

struct port_range { u32 first, count; };

struct x86_cpu {			/* this CPU only, after set-up */
	u64 gdt[8];
	struct tss tss;
	u8 io_bitmap[NR_IO_PORTS / 8 + 1];
	u32 ports_version;		/* whose ports those are; 0: nobody's */
	struct tss df_tss;
	u8 df_stack[4096] aligned(16);
};

/* Where the double fault's task starts (trap.c). */
void double_fault(struct x86_cpu *c) noreturn;

/* Ring 3 may use these ports from now on, until descriptors_set_kernel_stack(). `version`
 * is another one for other ports. Interrupts off. */
void descriptors_load_ports(struct x86_cpu *c, const struct port_range *range, u32 nr, u32 version);

/* Builds and loads GDT, GS (base `percpu`) and task register on this CPU. */
void descriptors_load(struct x86_cpu *c, void *percpu);
/* Fixed before there is a ring 3. */
extern bool cpu_has_sysenter;
/* The stack that a way in from ring 3 starts on, be it a trap or SYSENTER. */
static inline void descriptors_set_kernel_stack(struct x86_cpu *c, u32 top)
{
	c->tss.esp0 = top;
	c->tss.iomap = IOMAP_NONE;
	if (likely(cpu_has_sysenter))
		wrmsr(MSR_SYSENTER_ESP, top);
}
