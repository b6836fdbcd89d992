/* Finding the ACPI tables in memory and using what they say. Section numbers
 * are those of the ACPI Specification 6.4. */
#include "x86/acpi.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "x86/bootinfo.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/paging.h"

#define HEADER_LEN     36
#define MAX_TABLE_LEN  (4u << 20)	/* a DSDT of this size would be a record */

struct acpi_info acpi;

/* -- reading tables -------------------------------------------------------- */
/* Tables lie close together, so that one window of the fixmap usually holds
 * all of them: those already opened are looked through first. */
#define MAX_WINDOWS 8
static struct { paddr_t pa; u32 len; const u8 *va; } window[MAX_WINDOWS];
static u32 nr_windows;

static const void *map_phys(paddr_t pa, u32 len)
{
	for (u32 i = 0; i < nr_windows; i++)
		if (pa >= window[i].pa && pa + len <= window[i].pa + window[i].len)
			return window[i].va + (u32)(pa - window[i].pa);
	if (nr_windows == MAX_WINDOWS)
		return NULL;
	paddr_t start = ALIGN_DOWN(pa, (paddr_t)LARGE_PAGE_SIZE);
	u32 span = ALIGN_UP((u32)(pa - start) + len, LARGE_PAGE_SIZE);
	const u8 *va = fixmap(start, span, MEMORY_TABLES);
	if (!va)
		return NULL;
	window[nr_windows].pa = start;
	window[nr_windows].len = span;
	window[nr_windows++].va = va;
	return va + (u32)(pa - start);
}

/* In memory: mapped now, since what it is for happens in any context. */
static struct { u64 addr; volatile u8 *va; } mapped[2];
static u32 nr_mapped;

static void map_register(struct acpi_register *reg)
{
	if (reg->space != ACPI_MEMORY || !reg->addr)
		return;
	mapped[nr_mapped].addr = reg->addr;
	mapped[nr_mapped].va = fixmap(reg->addr, 1, false);
	if (mapped[nr_mapped++].va)
		return;
	printk("acpi: the register at %#llx cannot be mapped\n", reg->addr);
	reg->addr = 0;
}

/* The whole table at `pa`, and its length. NULL when it cannot be one. */
static const u8 *map_table(paddr_t pa, u32 *len)
{
	const u8 *t = pa ? map_phys(pa, HEADER_LEN) : NULL;
	if (!t)
		return NULL;
	memcpy(len, t + 4, sizeof(*len));
	if (*len < HEADER_LEN || *len > MAX_TABLE_LEN)
		return NULL;
	return map_phys(pa, *len);
}

/* -- the root: 5.2.5 ------------------------------------------------------- */
/* On 16-byte boundaries of an area of the BIOS (5.2.5.1). */
static const u8 *scan_for_rsdp(const u8 *area, u32 len)
{
	for (u32 at = 0; area && at + 20 <= len; at += 16)
		if (acpi_check_rsdp(area + at, MIN(len - at, 36u)) == 0)
			return area + at;
	return NULL;
}

#define BDA_EBDA_SEGMENT 0x40e	/* BIOS data area: where the extended one begins */
#define BIOS_AREA        0xe0000u
#define BIOS_AREA_LEN    0x20000u

static const u8 *find_rsdp(void)
{
	const u8 *r = boot_info.rsdp;
	if (boot_info.rsdp_len && acpi_check_rsdp(r, boot_info.rsdp_len) == 0)
		return r;
	const u8 *low = phys_to_virt(0);	/* in small pages, as memory types differ there */
	u32 ebda = (low[BDA_EBDA_SEGMENT] | low[BDA_EBDA_SEGMENT + 1] << 8) << 4;
	if (ebda >= 0x80000 && ebda < 0xa0000) {
		r = scan_for_rsdp(low + ebda, 1024);
		if (r)
			return r;
	}
	return scan_for_rsdp(low + BIOS_AREA, BIOS_AREA_LEN);
}

struct root {
	const void *table;
	u32 entry_size;
};

/* The XSDT where there is a sound one, else the RSDT. */
static bool find_root(const u8 *rsdp, struct root *root)
{
	u32 len, rsdt;
	u64 xsdt = 0;
	memcpy(&rsdt, rsdp + 16, sizeof(rsdt));
	if (rsdp[15] >= 2)
		memcpy(&xsdt, rsdp + 24, sizeof(xsdt));

	root->table = map_table(xsdt, &len);
	root->entry_size = 8;
	if (root->table && acpi_check_table(root->table, len, "XSDT") == 0)
		return true;
	root->table = map_table(rsdt, &len);
	root->entry_size = 4;
	return root->table && acpi_check_table(root->table, len, "RSDT") == 0;
}

/* The first table with this signature; NULL: none. Its checksum is for the
 * parser to judge. */
static const u8 *find_table(const struct root *root, const char *signature, u32 *len)
{
	u64 pa;
	for (u32 i = 0; (pa = acpi_root_entry(root->table, root->entry_size, i)) != 0; i++) {
		const u8 *t = map_table(pa, len);
		if (t && memcmp(t, signature, 4) == 0)
			return t;
	}
	return NULL;
}

/* -- what is wanted from them ---------------------------------------------- */
static bool is_aml(const u8 *t) { return !memcmp(t, "DSDT", 4) || !memcmp(t, "SSDT", 4); }

static bool read_s5(u64 pa)
{
	u32 len;
	const u8 *t = map_table(pa, &len);
	if (!t || !is_aml(t))
		return false;
	int err = acpi_find_s5(t, len, &acpi);
	if (err == -EBADMSG)
		printk("acpi: the %.4s at %#llx is damaged; skipped\n", (const char *)t, pa);
	return err == 0;
}

/* In the DSDT, or in one of the SSDTs that continue it (5.2.11.2). */
static bool find_s5(const struct root *root, u64 dsdt)
{
	u64 pa;
	if (read_s5(dsdt))
		return true;
	for (u32 i = 0; (pa = acpi_root_entry(root->table, root->entry_size, i)) != 0; i++)
		if (read_s5(pa))
			return true;
	return false;
}

/* Why this machine cannot be switched off; NULL: it can. */
static const char *no_poweroff(void)
{
	if (!acpi.has_fadt)
		return "no ACPI table tells how";
	if (acpi.hw_reduced && !acpi.sleep_control.addr)
		return "its ACPI is hardware-reduced, without a sleep control register";
	if (!acpi.hw_reduced && !acpi.pm1a_cnt_port)
		return "its ACPI has no PM1a control register in I/O space";
	if (!acpi.has_slp_typ5)
		return "neither its DSDT nor an SSDT has a package \\_S5";
	return NULL;
}

static void read_fadt(const struct root *root)
{
	u32 len;
	u64 dsdt;
	const u8 *t = find_table(root, "FACP", &len);
	if (!t)
		printk("acpi: no FADT: no PM timer, no power-off\n");
	else if (acpi_parse_fadt(t, len, &acpi, &dsdt) != 0)
		printk("acpi: the FADT is damaged: no PM timer, no power-off\n");
	else if (!find_s5(root, dsdt) || no_poweroff())
		printk("acpi: this machine cannot be switched off: %s\n", no_poweroff());
	map_register(&acpi.reset);
	map_register(&acpi.sleep_control);
}

static void read_hpet(const struct root *root)
{
	u32 len;
	const u8 *t = find_table(root, "HPET", &len);
	if (t && acpi_parse_hpet(t, len, &acpi) != 0)
		printk("acpi: the HPET table is damaged; doing without\n");
}

static void say_refused(void)
{
	for (u32 i = 0; i < MIN(acpi.nr_refused, (u32)ACPI_MAX_REFUSED); i++)
		printk("acpi: MADT entry at %#x (type %u): %s %#x; refused\n", acpi.refused[i].at,
		       acpi.refused[i].type, acpi.refused[i].why, acpi.refused[i].value);
	if (acpi.nr_refused > ACPI_MAX_REFUSED)
		printk("acpi: %u more entries of the MADT refused\n", acpi.nr_refused - ACPI_MAX_REFUSED);
}

static int read_madt(const struct root *root)
{
	u32 len;
	const u8 *t = find_table(root, "APIC", &len);
	if (!t) {
		printk("acpi: no MADT: nothing tells what CPUs there are\n");
		return -ENODEV;
	}
	int err = acpi_parse_madt(t, len, &acpi);
	if (err)
		printk("acpi: the MADT is damaged\n");
	else
		say_refused();
	return err;
}

int acpi_init(void)
{
	struct root root;
	const u8 *rsdp = find_rsdp();
	if (!rsdp) {
		printk("acpi: no RSDP, neither from the boot loader nor in the BIOS area\n");
		return -ENODEV;
	}
	if (!find_root(rsdp, &root)) {
		printk("acpi: neither XSDT nor RSDT is sound\n");
		return -EBADMSG;
	}
	read_fadt(&root);
	read_hpet(&root);
	return read_madt(&root);
}

/* -- registers: 5.2.3.2 ---------------------------------------------------- */
#define PCI_CONFIG_ADDRESS 0xcf8	/* PCI 3.0, 3.2.2.3.2; bus 0, the only one that a GAS can name */
#define PCI_CONFIG_DATA    0xcfc
#define PCI_CONFIG_ON      (1u << 31)

static void write_pci(u64 addr, u8 value)
{
	u32 offset = addr & 0xff, function = addr >> 16 & 7, device = addr >> 32 & 31;
	outl(PCI_CONFIG_ADDRESS, PCI_CONFIG_ON | device << 11 | function << 8 | (offset & ~3u));
	outb((u16)(PCI_CONFIG_DATA + (offset & 3)), value);
}

static void write_memory(u64 addr, u8 value)
{
	for (u32 i = 0; i < nr_mapped; i++)
		if (mapped[i].addr == addr)
			*mapped[i].va = value;
}

static void write_register(const struct acpi_register *reg, u8 value)
{
	switch (reg->space) {
	case ACPI_IO:
		outb((u16)reg->addr, value);
		break;
	case ACPI_PCI:
		write_pci(reg->addr, value);
		break;
	default:
		write_memory(reg->addr, value);
	}
}

static const char *space_name(const struct acpi_register *reg)
{
	static const char *const names[] = { "memory", "I/O space", "PCI configuration space" };
	return names[reg->space];
}

void acpi_reset(void)
{
	if (!acpi.reset.addr)
		return;
	printk("reboot: by ACPI's reset register at %#llx in %s\n", acpi.reset.addr, space_name(&acpi.reset));
	console_flush();
	write_register(&acpi.reset, acpi.reset_value);
}

/* -- power-off: 7.4.2.6, 4.8.3.2 ------------------------------------------- */
#define PM1_SCI_EN      (1u << 0)
#define PM1_SLP_TYP(t)  ((u32)(t) << 10)
#define PM1_SLP_TYP_MASK PM1_SLP_TYP(7)
#define PM1_SLP_EN      (1u << 13)

/* A PC in legacy mode does not sleep: hand the machine over first (4.8.2.5). */
static void enter_acpi_mode(void)
{
	if (!acpi.smi_cmd_port || !acpi.acpi_enable || inw(acpi.pm1a_cnt_port) & PM1_SCI_EN)
		return;
	outb(acpi.smi_cmd_port, acpi.acpi_enable);
	for (u32 ms = 0; ms < 300 && !(inw(acpi.pm1a_cnt_port) & PM1_SCI_EN); ms++)
		delay_us(1000);
}

static void write_sleep(u32 port, u32 slp_typ)
{
	u16 value;
	if (!port)
		return;
	value = (inw(port) & ~PM1_SLP_TYP_MASK) | PM1_SLP_TYP(slp_typ);
	outw(port, value);
	outw(port, value | PM1_SLP_EN);
}

/* 4.8.3.7: where ACPI is hardware-reduced. */
#define SLEEP_CONTROL(t) ((u8)((t) << 2 | 1u << 5))	/* SLP_TYP, SLP_EN */

/* For a machine that stays on. */
static char tried[80];

static void sleep_reduced(void)
{
	snprintf(tried, sizeof(tried), "ACPI's sleep control register at %#llx in %s had no effect",
	         acpi.sleep_control.addr, space_name(&acpi.sleep_control));
	write_register(&acpi.sleep_control, SLEEP_CONTROL(acpi.slp_typ5 & 7));
}

static void sleep_pm1(void)
{
	snprintf(tried, sizeof(tried), "ACPI's PM1 control register at I/O %#x had no effect", acpi.pm1a_cnt_port);
	enter_acpi_mode();
	write_sleep(acpi.pm1a_cnt_port, acpi.slp_typ5 & 0xff);
	write_sleep(acpi.pm1b_cnt_port, acpi.slp_typ5 >> 8);
}

const char *acpi_poweroff(void)
{
	if (no_poweroff())
		return no_poweroff();
	if (acpi.hw_reduced)
		sleep_reduced();
	else
		sleep_pm1();
	delay_us(100000);	/* the power goes away with a delay */
	return tried;
}
