/* PAE page tables (Intel SDM vol. 3, 4.4): the format, and the kernel's one
 * page directory, which every address space shares. Allocates nothing. */
#pragma once
#include "lib/types.h"
#include "x86/layout.h"

#define PTE_P    (1ull << 0)
#define PTE_W    (1ull << 1)
#define PTE_U    (1ull << 2)
#define PTE_PWT  (1ull << 3)
#define PTE_PCD  (1ull << 4)
#define PTE_A    (1ull << 5)
#define PTE_D    (1ull << 6)
#define PTE_PS   (1ull << 7)	/* in a directory entry: a 2 MiB page */
#define PTE_G    (1ull << 8)
#define PTE_NX   (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull

typedef u64 pte_t;

/* What the mappings of the kernel allow; W and X never together. */
enum prot { PROT_RO, PROT_RW, PROT_RX };

/* The PTE bits of `prot` for kernel memory (global; NX where the CPU has it). */
pte_t prot_to_pte(enum prot prot);

/* Replaces the early map of boot.asm with the final one: direct map of the
 * memory that exists, kernel image split into RX, RO and RW, null page and low
 * identity map gone, fixmap ready. `ram_end`: first byte above usable memory.
 * Uses page tables from the image; call once, on the boot CPU. */
void paging_init(u64 ram_end);
/* Switches NX, WP, PGE, and SMEP, SMAP, UMIP on where this CPU has them, and
 * leaves the trampoline's map. Every CPU; it has set EFER.NXE before paging
 * if paging_has_nx(), as the entry of its stack would be invalid otherwise. */
void paging_enable_protections(void);
bool paging_has_nx(void);

/* The page directory entry that covers kernel address `va`, and the page table
 * entry (NULL when no page table is there). */
pte_t *kernel_pde(u32 va);
pte_t *kernel_pte(u32 va);
/* Physical address that kernel address `va` is mapped to; ~0 when it is not. */
paddr_t kernel_translate(u32 va);

static inline void *phys_to_virt(paddr_t pa)   { return (void *)(u32)(pa + KERNEL_BASE); }
static inline paddr_t virt_to_phys(const void *va) { return (u32)va - KERNEL_BASE; }
static inline bool phys_is_direct(paddr_t pa, u32 len)
{
	return pa + len <= DIRECT_MAP_SIZE;
}

/* MEMORY_DEVICE: registers, uncached. MEMORY_TABLES: the firmware's tables in RAM, cached.
 * MEMORY_SCREEN: write-combining (stores are collected and leave in bursts) where the CPU has a
 * PAT; otherwise uncached, unless an MTRR of the firmware says write-combining. */
enum memory_type { MEMORY_DEVICE, MEMORY_TABLES, MEMORY_SCREEN };

/* Maps device or firmware memory for ever, in 2 MiB slots. NULL when the window is
 * full, or the CPU has no such address. Boot CPU, during boot, and for the screen even before
 * paging_init(), which takes the mapping over; other CPUs see it because they have not
 * touched it. */
void *fixmap(paddr_t pa, u32 len, enum memory_type type) must_use;

/* Gives this CPU the memory types that MEMORY_SCREEN needs. The boot CPU calls it before the
 * first fixmap(); for the other CPUs paging_enable_protections() does. */
void paging_set_memory_types(void);
/* The PAT as the CPUs should have it; 0: this CPU has none. */
u64 paging_pat(void);

/* CR3 of the kernel-only address space. The same from the first instruction
 * with paging on. */
u32 kernel_cr3(void);
/* CR3 for CPUs that wake up: the kernel's map, and the first 2 MiB where they
 * lie, executable. Nobody else ever uses it. */
u32 paging_trampoline_cr3(void);
