/* ACPI tables taken apart. Firmware is not trusted: nothing is read before it
 * is known to lie inside the table. Pure: no hardware, no allocation. Section
 * numbers are those of the ACPI Specification 6.4. */
#include "lib/errno.h"
#include "lib/string.h"
#include "x86/acpi.h"

#define HEADER_LEN 36	/* 5.2.6, System Description Table Header */

/* Fields of tables are little-endian and not aligned. */
static u32 get16(const u8 *p) { return p[0] | p[1] << 8; }
static u32 get32(const u8 *p) { return get16(p) | get16(p + 2) << 16; }
static u64 get64(const u8 *p) { return get32(p) | (u64)get32(p + 4) << 32; }

/* Bytes of a table add up to zero. */
static u8 sum(const u8 *p, u32 len)
{
	u8 total = 0;
	while (len--)
		total += *p++;
	return total;
}

static u32 table_len(const u8 *t) { return get32(t + 4); }

int acpi_check_table(const void *table, u32 len, const char *signature)
{
	const u8 *t = table;
	if (len < HEADER_LEN || memcmp(t, signature, 4) != 0)
		return -EBADMSG;
	if (table_len(t) < HEADER_LEN || table_len(t) > len)
		return -EBADMSG;
	return sum(t, table_len(t)) == 0 ? 0 : -EBADMSG;
}

int acpi_check_rsdp(const void *rsdp, u32 len)
{
	const u8 *r = rsdp;
	if (len < 20 || memcmp(r, "RSD PTR ", 8) != 0 || sum(r, 20) != 0)
		return -EBADMSG;
	if (len >= 36 && r[15] >= 2 && sum(r, 36) != 0)
		return -EBADMSG;
	return 0;
}

u64 acpi_root_entry(const void *root, u32 entry_size, u32 i)
{
	const u8 *t = root;
	if (i >= (table_len(t) - HEADER_LEN) / entry_size)
		return 0;
	const u8 *entry = t + HEADER_LEN + i * entry_size;
	return entry_size == 8 ? get64(entry) : get32(entry);
}

/* -- MADT, 5.2.12 ---------------------------------------------------------- */
enum {
	MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_NMI = 4,
	MADT_LAPIC_ADDR = 5, MADT_X2APIC = 9, MADT_X2APIC_NMI = 10,
};
#define MADT_FIRST_ENTRY 44

static u32 madt_min_len(u8 type)
{
	switch (type) {
	case MADT_LAPIC:      return 8;
	case MADT_IOAPIC:     return 12;
	case MADT_OVERRIDE:   return 10;
	case MADT_LAPIC_NMI:  return 6;
	case MADT_LAPIC_ADDR: return 12;
	case MADT_X2APIC:     return 16;
	case MADT_X2APIC_NMI: return 12;
	default:              return 2;
	}
}

/* Do the entries fill the table exactly, each long enough for its type? */
static bool madt_entries_fit(const u8 *t)
{
	u32 at = MADT_FIRST_ENTRY, end = table_len(t);
	while (at < end) {
		if (end - at < 2)
			return false;
		u32 len = t[at + 1];
		if (len < madt_min_len(t[at]) || len > end - at)
			return false;
		at += len;
	}
	return at == end;
}

static bool cpu_known(const struct acpi_info *a, u32 apic_id)
{
	for (u32 i = 0; i < a->nr_cpus; i++)
		if (a->apic_id[i] == apic_id)
			return true;
	return false;
}

/* Firmware may list a CPU twice, as LAPIC and as x2APIC: it counts once. */
static void add_cpu(struct acpi_info *a, u32 apic_id, u32 uid, u32 flags)
{
	bool enabled = flags & 1;
	if (!enabled || cpu_known(a, apic_id))
		return;
	a->nr_cpus_seen++;
	if (a->nr_cpus == NR_CPUS)
		return;
	a->apic_id[a->nr_cpus] = apic_id;
	a->acpi_uid[a->nr_cpus++] = uid;
}

static void refuse(struct acpi_info *a, u32 at, u32 type, u32 value, const char *why)
{
	u32 i = a->nr_refused++;
	if (i >= ACPI_MAX_REFUSED)
		return;
	a->refused[i].at = at;
	a->refused[i].type = type;
	a->refused[i].value = value;
	a->refused[i].why = why;
}

static void add_ioapic(struct acpi_info *a, u32 at, const u8 *e)
{
	if (a->nr_ioapics == ACPI_MAX_IOAPICS) {
		refuse(a, at, e[0], get32(e + 4), "more I/O APICs than are used; this one's address");
		return;
	}
	u32 i = a->nr_ioapics++;
	a->ioapic[i].id = e[2];
	a->ioapic[i].addr = get32(e + 4);
	a->ioapic[i].gsi_base = get32(e + 8);
}

/* MPS INTI flags (table 5.26): polarity and trigger mode, of two bits each. 3 is "active low" and
 * "level"; 1 "active high" and "edge"; 0, "as the bus does", means high and edge on ISA; the value 2
 * and all other bits are reserved. */
static bool inti_active_low(u32 flags) { return (flags & 3) == 3; }
static bool inti_level(u32 flags)      { return (flags >> 2 & 3) == 3; }
static bool inti_makes_sense(u32 flags)
{
	return flags < 0x10 && (flags & 3) != 2 && (flags >> 2 & 3) != 2;
}

static void add_override(struct acpi_info *a, u32 at, const u8 *e)
{
	bool isa_line = e[2] == 0 && e[3] < 16;
	if (!isa_line || a->nr_overrides == ACPI_MAX_OVERRIDES) {
		refuse(a, at, e[0], e[3], isa_line ? "more overrides than ISA has lines; this one's line" :
		       "an override of no ISA line; its line");
		return;
	}
	u32 i = a->nr_overrides++;
	a->override[i].isa_irq = e[3];
	a->override[i].gsi = get32(e + 4);
	a->override[i].active_low = inti_active_low(get16(e + 8));
	a->override[i].level = inti_level(get16(e + 8));
}

static void wire_nmi(struct acpi_nmi *nmi, u32 lint, bool active_low)
{
	nmi->wired |= 1u << lint;
	nmi->active_low = (nmi->active_low & ~(1u << lint)) | (u32)active_low << lint;
}

/* Real firmware has garbage here (Broadwell laptops of 2015: LINT 36, flags 0x58b). Taken at its word it
 * would make an NMI of the 8259s' interrupts. */
static void add_nmi(struct acpi_info *a, u32 at, u32 type, u32 uid, u32 flags, u32 lint)
{
	if (lint > 1) {
		refuse(a, at, type, lint, "an NMI at a LINT that no CPU has");
		return;
	}
	if (!inti_makes_sense(flags)) {
		refuse(a, at, type, flags, "an NMI whose flags are reserved");
		return;
	}
	if (uid == ACPI_UID_ALL)
		wire_nmi(&a->nmi_all, lint, inti_active_low(flags));
	for (u32 i = 0; i < a->nr_cpus; i++)
		if (a->acpi_uid[i] == uid)
			wire_nmi(&a->nmi[i], lint, inti_active_low(flags));
}

static void madt_entry(struct acpi_info *a, u32 at, const u8 *e)
{
	switch (e[0]) {
	case MADT_LAPIC:
		if (e[3] != 0xff)	/* not a CPU but "all of them" */
			add_cpu(a, e[3], e[2], get32(e + 4));
		break;
	case MADT_X2APIC:
		if (get32(e + 4) != 0xffffffffu)
			add_cpu(a, get32(e + 4), get32(e + 12), get32(e + 8));
		break;
	case MADT_IOAPIC:
		add_ioapic(a, at, e);
		break;
	case MADT_OVERRIDE:
		add_override(a, at, e);
		break;
	case MADT_LAPIC_ADDR:
		a->lapic_addr = get64(e + 4);
		break;
	}
}

/* After all others, since they name CPUs, which may come later in the table. */
static void madt_nmi_entry(struct acpi_info *a, u32 at, const u8 *e)
{
	if (e[0] == MADT_LAPIC_NMI)
		add_nmi(a, at, e[0], e[2] == 0xff ? ACPI_UID_ALL : e[2], get16(e + 3), e[5]);
	else if (e[0] == MADT_X2APIC_NMI)
		add_nmi(a, at, e[0], get32(e + 4), get16(e + 2), e[8]);
}

static void forget_madt(struct acpi_info *a)
{
	a->nr_cpus = a->nr_cpus_seen = 0;
	a->nr_ioapics = a->nr_overrides = a->nr_refused = 0;
	memset(&a->nmi_all, 0, sizeof(a->nmi_all));
	memset(a->nmi, 0, sizeof(a->nmi));
}

int acpi_parse_madt(const void *table, u32 len, struct acpi_info *out)
{
	const u8 *t = table;
	if (acpi_check_table(t, len, "APIC") != 0)
		return -EBADMSG;
	if (table_len(t) < MADT_FIRST_ENTRY || !madt_entries_fit(t))
		return -EBADMSG;

	forget_madt(out);
	out->lapic_addr = get32(t + HEADER_LEN);
	for (u32 at = MADT_FIRST_ENTRY; at < table_len(t); at += t[at + 1])
		madt_entry(out, at, t + at);
	for (u32 at = MADT_FIRST_ENTRY; at < table_len(t); at += t[at + 1])
		madt_nmi_entry(out, at, t + at);
	return 0;
}

bool acpi_lint_is_nmi(const struct acpi_info *a, u32 apic_id, u32 lint, bool *active_low)
{
	struct acpi_nmi nmi = a->nmi_all;
	for (u32 i = 0; i < a->nr_cpus; i++)
		if (a->apic_id[i] == apic_id && a->nmi[i].wired & 1u << lint)
			nmi = a->nmi[i];
	*active_low = nmi.active_low >> lint & 1;
	return nmi.wired >> lint & 1;
}

void acpi_put_boot_cpu_first(struct acpi_info *a, u32 apic_id)
{
	u32 uid = ACPI_UID_ALL, i = 0;
	struct acpi_nmi nmi = { 0 };
	while (i < a->nr_cpus && a->apic_id[i] != apic_id)
		i++;
	if (i < a->nr_cpus) {
		uid = a->acpi_uid[i];
		nmi = a->nmi[i];
	} else if (a->nr_cpus < NR_CPUS) {
		i = a->nr_cpus++;
		a->nr_cpus_seen = MAX(a->nr_cpus_seen, a->nr_cpus);
	} else {
		i = NR_CPUS - 1;	/* beyond those kept: it takes the last one's place */
	}
	for (; i > 0; i--) {
		a->apic_id[i] = a->apic_id[i - 1];
		a->acpi_uid[i] = a->acpi_uid[i - 1];
		a->nmi[i] = a->nmi[i - 1];
	}
	a->apic_id[0] = apic_id;
	a->acpi_uid[0] = uid;
	a->nmi[0] = nmi;
}

/* -- FADT, 5.2.9 ----------------------------------------------------------- */
#define FADT_MIN_LEN 116	/* ACPI 1.0 */
#define FADT_FLAG_TMR_VAL_EXT  (1u << 8)
#define FADT_FLAG_RESET        (1u << 10)
#define FADT_FLAG_HW_REDUCED   (1u << 20)
#define FADT_RESET          116
#define FADT_RESET_VALUE    128
#define FADT_SLEEP_CONTROL  244
#define GAS_LEN             12	/* 5.2.3.2, Generic Address Structure */

static struct acpi_register get_gas(const u8 *t, u32 at)
{
	struct acpi_register none = { 0 };
	if (table_len(t) < at + GAS_LEN || t[at] > ACPI_PCI)
		return none;
	return (struct acpi_register){ .space = t[at], .addr = get64(t + at + 4) };
}

/* An I/O port: from the old 32-bit field, or else from the GAS that follows
 * it in newer tables. 0: none. */
static u32 fadt_port(const u8 *t, u32 old, u32 gas)
{
	u64 port = get32(t + old);
	struct acpi_register reg = get_gas(t, gas);
	if (!port && reg.space == ACPI_IO)
		port = reg.addr;
	return port < 0x10000 ? (u32)port : 0;
}

/* 4.8.3: what a hardware-reduced machine does not have, whatever the fields say (4.1). */
static void fadt_pm_registers(const u8 *t, struct acpi_info *out)
{
	out->smi_cmd_port = get32(t + 48) < 0x10000 ? get32(t + 48) : 0;
	out->acpi_enable = t[52];
	out->pm1a_cnt_port = fadt_port(t, 64, 172);
	out->pm1b_cnt_port = fadt_port(t, 68, 184);
	out->pm_timer_port = fadt_port(t, 76, 208);
	out->pm_timer_32bit = get32(t + 112) & FADT_FLAG_TMR_VAL_EXT;
}

static void fadt_reset(const u8 *t, struct acpi_info *out)
{
	bool told = table_len(t) > FADT_RESET_VALUE && get32(t + 112) & FADT_FLAG_RESET;
	if (!told)
		return;
	out->reset = get_gas(t, FADT_RESET);
	out->reset_value = t[FADT_RESET_VALUE];
}

int acpi_parse_fadt(const void *table, u32 len, struct acpi_info *out, u64 *dsdt)
{
	const u8 *t = table;
	if (acpi_check_table(t, len, "FACP") != 0 || table_len(t) < FADT_MIN_LEN)
		return -EBADMSG;

	*dsdt = get32(t + 40);
	if (table_len(t) >= 148 && get64(t + 140))
		*dsdt = get64(t + 140);
	out->has_fadt = true;
	out->hw_reduced = get32(t + 112) & FADT_FLAG_HW_REDUCED;
	if (out->hw_reduced)
		out->sleep_control = get_gas(t, FADT_SLEEP_CONTROL);
	else
		fadt_pm_registers(t, out);
	fadt_reset(t, out);
	return 0;
}

/* -- HPET: IA-PC HPET Specification 1.0a, 3.2.4 ---------------------------- */
int acpi_parse_hpet(const void *table, u32 len, struct acpi_info *out)
{
	const u8 *t = table;
	if (acpi_check_table(t, len, "HPET") != 0 || table_len(t) < 56 || t[40] != ACPI_MEMORY)
		return -EBADMSG;
	out->hpet_addr = get64(t + 44);
	return 0;
}

/* -- \_S5: 7.4.2 (what it means), 20.2 (how AML encodes it) ---------------- */
enum { AML_ZERO = 0x00, AML_ONE = 0x01, AML_NAME = 0x08, AML_BYTE = 0x0a,
       AML_WORD = 0x0b, AML_DWORD = 0x0c, AML_PACKAGE = 0x12 };

/* A reader that yields zeros, and remembers it, when it runs off the end. */
struct aml { const u8 *p, *end; bool overrun; };

static u8 aml_byte(struct aml *a)
{
	if (a->p >= a->end) {
		a->overrun = true;
		return 0;
	}
	return *a->p++;
}

static void aml_skip(struct aml *a, u32 n)
{
	while (n--)
		aml_byte(a);
}

/* An integer constant; only its low byte matters here. */
static bool aml_small_int(struct aml *a, u8 *value)
{
	u8 op = aml_byte(a);
	switch (op) {
	case AML_ZERO:
	case AML_ONE:
		*value = op;
		return true;
	case AML_BYTE:
	case AML_WORD:
	case AML_DWORD:
		*value = aml_byte(a);
		aml_skip(a, op == AML_BYTE ? 0 : op == AML_WORD ? 1 : 3);
		return true;
	default:
		return false;
	}
}

/* Package of SLP_TYPa, SLP_TYPb at `p`, right after the name. */
static bool parse_s5_package(const u8 *p, const u8 *end, u16 *slp_typ)
{
	struct aml a = { p, end, false };
	u8 typ_a, typ_b = 0;
	if (aml_byte(&a) != AML_PACKAGE)
		return false;
	aml_skip(&a, aml_byte(&a) >> 6);	/* PkgLength: the top bits count what follows */
	u8 elements = aml_byte(&a);
	if (elements < 1 || !aml_small_int(&a, &typ_a))
		return false;
	if (elements > 1 && !aml_small_int(&a, &typ_b))
		return false;
	*slp_typ = (typ_a & 7) | (typ_b & 7) << 8;
	return !a.overrun;
}

int acpi_find_s5(const void *table, u32 len, struct acpi_info *out)
{
	const u8 *t = table;
	out->has_slp_typ5 = false;
	if (acpi_check_table(t, len, "DSDT") != 0 && acpi_check_table(t, len, "SSDT") != 0)
		return -EBADMSG;
	const u8 *end = t + table_len(t);
	for (const u8 *p = t + HEADER_LEN + 2; p + 4 <= end; p++) {
		bool named = p[-1] == AML_NAME || (p[-1] == '\\' && p[-2] == AML_NAME);
		if (!named || memcmp(p, "_S5_", 4) != 0)
			continue;
		if (parse_s5_package(p + 4, end, &out->slp_typ5)) {
			out->has_slp_typ5 = true;
			return 0;
		}
	}
	return -ENOENT;
}
