/* Single instructions of the processor, as functions. */
#pragma once
#include "lib/port.h"
#include "lib/types.h"

#define EFLAGS_IF   (1u << 9)

#define CR0_EM      (1u << 2)	/* no FPU: its instructions trap */
#define CR0_WP      (1u << 16)
#define CR0_CD      (1u << 30)	/* caches off */
#define CR0_PG      (1u << 31)
#define CR4_PSE     (1u << 4)
#define CR4_PAE     (1u << 5)
#define CR4_MCE     (1u << 6)
#define CR4_PGE     (1u << 7)
#define CR4_UMIP    (1u << 11)
#define CR4_SMEP    (1u << 20)
#define CR4_SMAP    (1u << 21)

/* CPUID (Intel SDM vol. 2, tables 3-10, 3-11 and 3-8). */
#define CPUID1_EDX_TSC   (1u << 4)
#define CPUID1_EDX_MSR   (1u << 5)
#define CPUID1_EDX_PAE   (1u << 6)
#define CPUID1_EDX_CX8   (1u << 8)
#define CPUID1_EDX_APIC  (1u << 9)
#define CPUID1_EDX_SEP   (1u << 11)	/* SYSENTER */
#define CPUID1_EDX_PGE   (1u << 13)
#define CPUID1_EDX_CMOV  (1u << 15)
#define CPUID1_EDX_PAT   (1u << 16)
#define CPUID1_ECX_EMULATED (1u << 31)	/* by convention: there is a hypervisor */
#define CPUID7_EBX_SMEP  (1u << 7)
#define CPUID7_EBX_SMAP  (1u << 20)
#define CPUID7_ECX_UMIP  (1u << 2)
#define CPUIDX1_EDX_NX   (1u << 20)	/* leaf 0x80000001 */

#define MSR_APIC_BASE  0x1b
#define MSR_SYSENTER_CS  0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_PAT        0x277
#define MSR_EFER       0xc0000080
#define EFER_NXE       (1u << 11)

static always_inline void wbinvd(void)      { __asm__ volatile("wbinvd" ::: "memory"); }
static always_inline void cpu_relax(void)   { __asm__ volatile("pause" ::: "memory"); }
static always_inline void barrier(void)     { __asm__ volatile("" ::: "memory"); }

static always_inline u32 read_eflags(void)
{
	u32 flags;
	__asm__ volatile("pushfl; popl %0" : "=r"(flags) :: "memory");
	return flags;
}

static always_inline bool irqs_enabled(void) { return read_eflags() & EFLAGS_IF; }
static always_inline void irq_disable(void)  { __asm__ volatile("cli" ::: "memory"); }
static always_inline void irq_enable(void)   { __asm__ volatile("sti" ::: "memory"); }

/* Disables interrupts on this CPU; give the result back to irq_restore(). */
static always_inline u32 irq_save(void)
{
	u32 flags = read_eflags();
	irq_disable();
	return flags;
}

static always_inline void irq_restore(u32 flags)
{
	if (flags & EFLAGS_IF)
		irq_enable();
}

/* STI keeps interrupts off for one more instruction (Intel SDM vol. 2, STI),
 * so no wake-up is lost between the two. */
static always_inline void irq_enable_and_halt(void) { __asm__ volatile("sti; hlt" ::: "memory"); }
static always_inline void halt(void)                { __asm__ volatile("hlt" ::: "memory"); }

static always_inline u64 rdtsc(void)
{
	u32 lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) :: "memory");
	return ((u64)hi << 32) | lo;
}

static always_inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;
	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return ((u64)hi << 32) | lo;
}

static always_inline void wrmsr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr" :: "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

struct cpuid { u32 eax, ebx, ecx, edx; };

static always_inline struct cpuid cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid r;
	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
	                 : "a"(leaf), "c"(subleaf));
	return r;
}
static inline bool cpu_is_emulated(void) { return cpuid(1, 0).ecx & CPUID1_ECX_EMULATED; }

#define DEFINE_CR(n)                                                            \
static always_inline u32 read_cr##n(void)                                       \
{ u32 v; __asm__ volatile("movl %%cr" #n ", %0" : "=r"(v) :: "memory"); return v; } \
static always_inline void write_cr##n(u32 v)                                    \
{ __asm__ volatile("movl %0, %%cr" #n :: "r"(v) : "memory"); }
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)
#undef DEFINE_CR

static always_inline void invlpg(u32 va) { __asm__ volatile("invlpg (%0)" :: "r"(va) : "memory"); }
