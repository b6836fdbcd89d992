#include "x86/descriptors.h"
#include "lib/string.h"
#include "x86/paging.h"

bool cpu_has_sysenter;

#define EFLAGS_FIXED (1u << 1)		/* always 1 (Intel SDM vol. 1, figure 3-8) */

/* Access byte and flags of a segment descriptor (SDM vol. 3, 3.4.5). The accessed
 * bit is set, so that loading one writes nothing. */
#define SEG_CODE(dpl) (0x9bu | (dpl) << 5)
#define SEG_DATA(dpl) (0x93u | (dpl) << 5)
#define SEG_TSS       0x89u		/* available 32-bit TSS (3.5, 7.2.2) */
#define SEG_4G        0xcu		/* limit counts pages; 32-bit */

static u64 make_segment(u32 base, u32 limit, u32 access, u32 flags)
{
	u32 low = (base & 0xffff) << 16 | (limit & 0xffff);
	u32 high = (base & 0xff000000) | flags << 20 | (limit & 0xf0000) | access << 8 |
	           (base >> 16 & 0xff);

	return (u64)high << 32 | low;
}

static u64 make_flat(u32 base, u32 access)      { return make_segment(base, 0xfffff, access, SEG_4G); }
static u64 make_tss_segment(const struct tss *t, u32 size) { return make_segment((u32)t, size - 1, SEG_TSS, 0); }

static void build_gdt(struct x86_cpu *c, void *percpu)
{
	u64 *gdt = c->gdt;

	gdt[0] = 0;
	gdt[SEL_KERNEL_CODE / 8] = make_flat(0, SEG_CODE(0));
	gdt[SEL_KERNEL_DATA / 8] = make_flat(0, SEG_DATA(0));
	gdt[SEL_USER_CODE / 8] = make_flat(0, SEG_CODE(3));
	gdt[SEL_USER_DATA / 8] = make_flat(0, SEG_DATA(3));
	gdt[SEL_PERCPU / 8] = make_flat((u32)percpu, SEG_DATA(0));
	gdt[SEL_TSS / 8] = make_tss_segment(&c->tss, sizeof(c->tss) + sizeof(c->io_bitmap));
	gdt[SEL_DF_TSS / 8] = make_tss_segment(&c->df_tss, sizeof(c->df_tss));
}

/* The double fault's task starts in double_fault(c), on its own stack. The error
 * code that the CPU pushes there (SDM vol. 3, 6.13), always 0, takes the place of
 * a return address. */
static void build_tss(struct x86_cpu *c)
{
	u32 *sp = (u32 *)(c->df_stack + sizeof(c->df_stack));

	*--sp = (u32)c;
	c->tss = (struct tss){ .ss0 = SEL_KERNEL_DATA, .iomap = IOMAP_NONE };
	memset(c->io_bitmap, 0xff, sizeof(c->io_bitmap));
	c->df_tss = (struct tss){
		.cr3 = kernel_cr3(), .eip = (u32)double_fault, .esp = (u32)sp,
		.eflags = EFLAGS_FIXED, .cs = SEL_KERNEL_CODE, .ss = SEL_KERNEL_DATA,
		.ds = SEL_KERNEL_DATA, .es = SEL_KERNEL_DATA, .gs = SEL_PERCPU,
		.iomap = sizeof(struct tss),
	};
}

static void load_gdt(const struct x86_cpu *c)
{
	struct { u16 limit; u32 base; } packed gdtr = { sizeof(c->gdt) - 1, (u32)c->gdt };

	__asm__ volatile("lgdt %0" :: "m"(gdtr));
}

static void load_segments(void)
{
	__asm__ volatile(
		"ljmp %0, $1f\n"
		"1:	movl %1, %%ds\n"
		"	movl %1, %%es\n"
		"	movl %1, %%ss\n"
		"	movl %2, %%fs\n"
		"	movl %3, %%gs\n"
		"	lldt %w2\n"		/* none; reset leaves one at address 0 */
		"	ltr %w4\n"
		:: "i"(SEL_KERNEL_CODE), "r"(SEL_KERNEL_DATA), "r"(0), "r"(SEL_PERCPU), "r"(SEL_TSS)
		: "memory");
}

void descriptors_load_ports(struct x86_cpu *c, const struct port_range *range, u32 nr, u32 version)
{
	c->tss.iomap = IOMAP_HERE;
	if (c->ports_version == version)
		return;
	c->ports_version = version;
	memset(c->io_bitmap, 0xff, sizeof(c->io_bitmap));
	for (; nr; nr--, range++) {
		for (u32 port = range->first; port < range->first + range->count; port++)
			c->io_bitmap[port / 8] &= (u8)~(1u << port % 8);
	}
}

void descriptors_load(struct x86_cpu *c, void *percpu)
{
	build_gdt(c, percpu);
	build_tss(c);
	load_gdt(c);
	load_segments();
}
