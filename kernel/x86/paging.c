#include "x86/paging.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/panic.h"

#define ENTRIES      512		/* of a table or a directory */
#define PDPT_KERNEL  (KERNEL_BASE >> 30)
#define PDPTE_P      1ull		/* all other flags are reserved (SDM vol. 3, 4.4.1) */
#ifdef LARGE_IMAGE
#define IMAGE_TABLES 4			/* the image lies in the first 8 MiB */
#else
#define IMAGE_TABLES 2			/* ... in the first 4 */
#endif

/* linker.ld, boot.asm. The kernel's own directory pointers stay where they are: the double
 * fault's TSS can hold them. Those of a process lead to the same kernel. */
extern char __kernel_start[], __kernel_end[];
extern char __text_start[], __text_end[], __rodata_start[], __rodata_end[];
extern char boot_stack_guard[];
extern pte_t kernel_pdpt[4], boot_pd[ENTRIES];

/* Fixed after paging_init(), but for the entries that kmap adds. */
static pte_t kernel_pd[ENTRIES] aligned(PAGE_SIZE);
static pte_t image_table[IMAGE_TABLES][ENTRIES] aligned(PAGE_SIZE);
static pte_t trampoline_pdpt[4] aligned(32);
static bool has_nx;

/* -- rights ------------------------------------------------------------------------ */

pte_t prot_to_pte(enum prot prot)
{
	/* Accessed and dirty from the start: the CPU need not write them. */
	pte_t pte = PTE_P | PTE_A | PTE_D | PTE_G;

	if (prot == PROT_RW)
		pte |= PTE_W;
	if (prot != PROT_RX && has_nx)
		pte |= PTE_NX;
	return pte;
}

bool paging_has_nx(void) { return has_nx; }

static bool detect_nx(void)
{
	return cpuid(0x80000000, 0).eax >= 0x80000001 &&
	       (cpuid(0x80000001, 0).edx & CPUIDX1_EDX_NX);
}

static void enable_nx(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
}

static u32 protections_of_this_cpu(void)
{
	u32 cr4 = 0;
	struct cpuid leaf7 = { 0 };

	if (cpuid(0, 0).eax >= 7)
		leaf7 = cpuid(7, 0);
	if (cpuid(1, 0).edx & CPUID1_EDX_PGE)
		cr4 |= CR4_PGE;
	if (leaf7.ebx & CPUID7_EBX_SMEP)
		cr4 |= CR4_SMEP;
	if (leaf7.ebx & CPUID7_EBX_SMAP)
		cr4 |= CR4_SMAP;
	if (leaf7.ecx & CPUID7_ECX_UMIP)
		cr4 |= CR4_UMIP;
	return cr4;
}

/* -- memory types ------------------------------------------------------------------ */

/* The eight entries of the PAT, from the low byte: write-back, write-combining, UC-, uncached, and the
 * same again. It is the reset value (SDM vol. 3, 11.12.4) but for entry 1, which PWT alone chooses and
 * which was write-through: nothing here uses that. As the halves are alike, the PAT bit of a page does
 * not matter; some Pentium III and Pentium 4 ignore it in large pages. */
#define PAT_VALUE      0x0007010600070106ull

/* Uncached, unless the firmware's MTRRs make the range write-combining: PCD without PWT is UC-, or on
 * a CPU without PAT gives way to such an MTRR (SDM vol. 3, tables 11-6 and 11-7). */
#define PTE_DEVICE     PTE_PCD
/* Write-combining over whatever the MTRRs say (table 11-7). */
#define PTE_COMBINING  PTE_PWT

static bool has_pat(void) { return cpuid(1, 0).edx & CPUID1_EDX_PAT; }

u64 paging_pat(void) { return has_pat() ? PAT_VALUE : 0; }

/* All CPUs have to agree, and no line may stay in a cache under its old type: the steps of SDM
 * vol. 3, 11.12.4 and 11.11.8. INIT leaves the register as it was. Interrupts are off. */
void paging_set_memory_types(void)
{
	u32 cr0 = read_cr0(), cr4 = read_cr4();

	if (!has_pat() || rdmsr(MSR_PAT) == PAT_VALUE)
		return;
	write_cr0(cr0 | CR0_CD);
	wbinvd();
	write_cr4(cr4 & ~CR4_PGE);	/* so that loading CR3 flushes global entries, too */
	write_cr3(read_cr3());
	wrmsr(MSR_PAT, PAT_VALUE);
	wbinvd();
	write_cr3(read_cr3());
	write_cr4(cr4);
	write_cr0(cr0);
}

static pte_t type_to_pte(enum memory_type type)
{
	if (type == MEMORY_TABLES)
		return 0;
	return type == MEMORY_SCREEN && has_pat() ? PTE_COMBINING : PTE_DEVICE;
}

void paging_enable_protections(void)
{
	static bool told;

	paging_set_memory_types();
	if (has_nx)
		enable_nx();
	else if (!told)
		printk("paging: this CPU has no NX; data can be executed\n");
	told = true;
	write_cr0(read_cr0() | CR0_WP);
	write_cr3(kernel_cr3());
	write_cr4(read_cr4() | protections_of_this_cpu());
}

/* -- the kernel's map -------------------------------------------------------------- */

static bool within(u32 va, const char *start, const char *end)
{
	return va >= (u32)start && va < (u32)end;
}

/* VGA memory (0xa0000 to 0xbffff) is a device. */
static bool is_vga(u32 va) { return va - (KERNEL_BASE + 0xa0000) < 0x20000; }

/* The entry for one page of the 2 MiB pages that the image lies in. */
static pte_t image_page(u32 va)
{
	paddr_t pa = va - KERNEL_BASE;

	if (va == (u32)boot_stack_guard)
		return 0;
	if (within(va, __text_start, __text_end))
		return pa | prot_to_pte(PROT_RX);
	if (within(va, __kernel_start, __text_start) || within(va, __rodata_start, __rodata_end))
		return pa | prot_to_pte(PROT_RO);
	return pa | prot_to_pte(PROT_RW) | (is_vga(va) ? PTE_DEVICE : 0);
}

static void map_image(void)
{
	u32 va = KERNEL_BASE;

	ASSERT((u32)__kernel_end <= KERNEL_BASE + IMAGE_TABLES * LARGE_PAGE_SIZE);
	for (u32 t = 0; t < IMAGE_TABLES; t++) {
		for (u32 i = 0; i < ENTRIES; i++, va += PAGE_SIZE)
			image_table[t][i] = image_page(va);
		kernel_pd[t] = virt_to_phys(image_table[t]) | PTE_P | PTE_W | PTE_A;
	}
}

static void map_memory(u64 ram_end)
{
	u64 end = MIN(ALIGN_UP(ram_end, (u64)LARGE_PAGE_SIZE), (u64)DIRECT_MAP_SIZE);

	for (paddr_t pa = IMAGE_TABLES * LARGE_PAGE_SIZE; pa < end; pa += LARGE_PAGE_SIZE)
		kernel_pd[pa / LARGE_PAGE_SIZE] = pa | prot_to_pte(PROT_RW) | PTE_PS;
}

#define FIXMAP_SLOTS (FIXMAP_SIZE / LARGE_PAGE_SIZE)
#define FIXMAP_FIRST (FIXMAP_BASE / LARGE_PAGE_SIZE % ENTRIES)	/* its place in a directory */

/* The screen is mapped already; now its pages can have NX. */
static void take_over_fixmap(void)
{
	for (u32 i = FIXMAP_FIRST; i < FIXMAP_FIRST + FIXMAP_SLOTS; i++) {
		if (boot_pd[i])
			kernel_pd[i] = boot_pd[i] | (has_nx ? PTE_NX : 0);
	}
}

/* What remains of the early map is for CPUs that wake up: its first entry. */
static void keep_low_identity(void)
{
	for (u32 i = 1; i < ENTRIES; i++)
		boot_pd[i] = 0;
	trampoline_pdpt[0] = virt_to_phys(boot_pd) | PDPTE_P;
	trampoline_pdpt[PDPT_KERNEL] = kernel_pdpt[PDPT_KERNEL];
}

void paging_init(u64 ram_end)
{
	/* NX bits are reserved, so fatal, until EFER.NXE is set. */
	has_nx = detect_nx();
	if (has_nx)
		enable_nx();
	map_image();
	map_memory(ram_end);
	take_over_fixmap();

	/* The CPU reads the four directory pointers when CR3 is written (SDM vol. 3,
	 * 4.4.1), so these two stores take effect together. No early entry is global. */
	kernel_pdpt[0] = 0;
	kernel_pdpt[PDPT_KERNEL] = virt_to_phys(kernel_pd) | PDPTE_P;
	write_cr3(kernel_cr3());
	keep_low_identity();
}

u32 kernel_cr3(void)            { return (u32)virt_to_phys(kernel_pdpt); }
u32 paging_trampoline_cr3(void) { return (u32)virt_to_phys(trampoline_pdpt); }

/* -- looking things up ------------------------------------------------------------- */

pte_t *kernel_pde(u32 va)
{
	pte_t *directory = phys_to_virt(kernel_pdpt[PDPT_KERNEL] & PTE_ADDR);

	return &directory[va / LARGE_PAGE_SIZE % ENTRIES];
}

pte_t *kernel_pte(u32 va)
{
	pte_t pde = *kernel_pde(va);

	if (!(pde & PTE_P) || (pde & PTE_PS))
		return NULL;
	return (pte_t *)phys_to_virt(pde & PTE_ADDR) + va / PAGE_SIZE % ENTRIES;
}

paddr_t kernel_translate(u32 va)
{
	pte_t *pte, pde;

	if (va < KERNEL_BASE)
		return ~0ull;
	pde = *kernel_pde(va);
	if ((pde & PTE_P) && (pde & PTE_PS))
		return (pde & PTE_ADDR & ~(LARGE_PAGE_SIZE - 1ull)) | (va & (LARGE_PAGE_SIZE - 1));
	pte = kernel_pte(va);
	if (!pte || !(*pte & PTE_P))
		return ~0ull;
	return (*pte & PTE_ADDR) | (va & (PAGE_SIZE - 1));
}

/* -- the window for devices -------------------------------------------------------- */

static pte_t *fixmap_slot(u32 slot) { return kernel_pde(FIXMAP_BASE + slot * LARGE_PAGE_SIZE); }

/* Physical addresses that this CPU has (SDM vol. 2, CPUID leaf 0x80000008). */
static u64 phys_limit(void)
{
	u32 bits = 36;

	if (cpuid(0x80000000, 0).eax >= 0x80000008)
		bits = MIN(cpuid(0x80000008, 0).eax & 0xff, 52u);
	return 1ull << bits;
}

/* Where `n` slots in a row map `first` and what follows, or are free; at most
 * FIXMAP_SLOTS - n, or FIXMAP_SLOTS when there are none. */
static u32 find_slots(pte_t first, u32 n)
{
	for (u32 slot = 0; slot + n <= FIXMAP_SLOTS; slot++) {
		u32 i = 0;

		while (i < n && (!*fixmap_slot(slot + i) ||
		                 *fixmap_slot(slot + i) == first + (pte_t)i * LARGE_PAGE_SIZE))
			i++;
		if (i == n)
			return slot;
	}
	return FIXMAP_SLOTS;
}

void *fixmap(paddr_t pa, u32 len, enum memory_type type)
{
	paddr_t start = ALIGN_DOWN(pa, (paddr_t)LARGE_PAGE_SIZE);
	paddr_t end = ALIGN_UP(pa + len, (paddr_t)LARGE_PAGE_SIZE);
	u32 n = (u32)((end - start) / LARGE_PAGE_SIZE);
	pte_t first = start | prot_to_pte(PROT_RW) | PTE_PS | type_to_pte(type);
	u32 slot;

	if (!len || pa + len < pa || pa + len > phys_limit())
		return NULL;
	slot = find_slots(first, n);
	if (slot == FIXMAP_SLOTS)
		return NULL;
	/* Entries are written once and never change, so no TLB holds another one. */
	for (u32 i = 0; i < n; i++)
		*fixmap_slot(slot + i) = first + (pte_t)i * LARGE_PAGE_SIZE;
	return (void *)(FIXMAP_BASE + slot * LARGE_PAGE_SIZE + (u32)(pa - start));
}
