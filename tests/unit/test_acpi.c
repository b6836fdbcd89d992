// sources: kernel/x86/acpi_parse.c
// The ACPI parsers on sound tables, and on those that firmware should not have
// written. Every table lies at the very end of a heap block, so that the address
// sanitizer sees the first byte read beyond it.
#include "unit.h"
#include <string.h>
#include "lib/errno.h"
#include "lib/prng.h"
#include "lib/types.h"
#include "x86/acpi.h"

/* -- making tables ------------------------------------------------------------ */
struct table { u8 bytes[2048]; u32 len; };

static void put8(struct table *t, u32 v)  { t->bytes[t->len++] = (u8)v; }
static void put16(struct table *t, u32 v) { put8(t, v); put8(t, v >> 8); }
static void put32(struct table *t, u32 v) { put16(t, v); put16(t, v >> 16); }
static void at32(struct table *t, u32 at, u32 v) { memcpy(t->bytes + at, &v, 4); }
static void at64(struct table *t, u32 at, u64 v) { memcpy(t->bytes + at, &v, 8); }

static void begin(struct table *t, const char *signature)
{
	memset(t, 0, sizeof(*t));
	memcpy(t->bytes, signature, 4);
	t->len = 36;
}

static void fix_sum(u8 *bytes, u32 len, u32 at)
{
	u8 sum = 0;
	bytes[at] = 0;
	for (u32 i = 0; i < len; i++)
		sum += bytes[i];
	bytes[at] = (u8)-sum;
}

/* Length and checksum as they should be. */
static void seal(struct table *t)
{
	at32(t, 4, t->len);
	fix_sum(t->bytes, t->len, 9);
}

/* A copy with nothing readable behind it. */
static u8 *tight(const struct table *t)
{
	u8 *p = malloc(t->len);
	memcpy(p, t->bytes, t->len);
	return p;
}

static int parse_madt(const struct table *t, struct acpi_info *out)
{
	u8 *p = tight(t);
	int err = acpi_parse_madt(p, t->len, out);
	free(p);
	return err;
}

static int parse_fadt(const struct table *t, struct acpi_info *out, u64 *dsdt)
{
	u8 *p = tight(t);
	int err = acpi_parse_fadt(p, t->len, out, dsdt);
	free(p);
	return err;
}

static int find_s5(const struct table *t, struct acpi_info *out)
{
	u8 *p = tight(t);
	int err = acpi_find_s5(p, t->len, out);
	free(p);
	return err;
}

/* -- MADT ---------------------------------------------------------------------- */
static void begin_madt(struct table *t)
{
	begin(t, "APIC");
	put32(t, 0xfee00000);
	put32(t, 1);
}

static void put_lapic(struct table *t, u32 uid, u32 apic_id, u32 flags)
{
	put8(t, 0); put8(t, 8); put8(t, uid); put8(t, apic_id); put32(t, flags);
}

static void put_x2apic(struct table *t, u32 uid, u32 apic_id, u32 flags)
{
	put8(t, 9); put8(t, 16); put16(t, 0); put32(t, apic_id); put32(t, flags); put32(t, uid);
}

static void put_override(struct table *t, u32 bus, u32 irq, u32 gsi, u32 flags)
{
	put8(t, 2); put8(t, 10); put8(t, bus); put8(t, irq); put32(t, gsi); put16(t, flags);
}

static void put_ioapic(struct table *t, u32 id, u32 addr, u32 gsi_base)
{
	put8(t, 1); put8(t, 12); put8(t, id); put8(t, 0); put32(t, addr); put32(t, gsi_base);
}

static void put_nmi(struct table *t, u32 uid, u32 flags, u32 lint)
{
	put8(t, 4); put8(t, 6); put8(t, uid); put16(t, flags); put8(t, lint);
}

static void put_x2apic_nmi(struct table *t, u32 uid, u32 flags, u32 lint)
{
	put8(t, 10); put8(t, 12); put16(t, flags); put32(t, uid); put8(t, lint); put8(t, 0); put16(t, 0);
}

/* Wired to NMI? Active low? */
enum wiring { MASKED, NMI_HIGH, NMI_LOW };
static enum wiring wiring(const struct acpi_info *a, u32 apic_id, u32 lint)
{
	bool low;
	return !acpi_lint_is_nmi(a, apic_id, lint, &low) ? MASKED : low ? NMI_LOW : NMI_HIGH;
}

static void madt_of_a_pc(void **state)
{
	(void)state;
	struct table t;
	struct acpi_info a = { 0 };
	begin_madt(&t);
	put_lapic(&t, 0, 0, 1);
	put_lapic(&t, 1, 2, 1);
	put_lapic(&t, 2, 4, 0);		/* disabled */
	put_lapic(&t, 3, 6, 2);		/* could be plugged in, is not there */
	put_lapic(&t, 4, 0xff, 1);	/* no CPU has this ID */
	put8(&t, 1); put8(&t, 12); put8(&t, 7); put8(&t, 0); put32(&t, 0xfec00000); put32(&t, 0);
	put_override(&t, 0, 0, 2, 0);
	put_override(&t, 0, 9, 9, 0xd);		/* high, level */
	put_override(&t, 0, 10, 20, 0xf);	/* low, level */
	put_override(&t, 1, 3, 3, 0);		/* not ISA */
	put_override(&t, 0, 200, 3, 0);		/* no such line */
	put8(&t, 4); put8(&t, 6); put8(&t, 0xff); put16(&t, 0xf); put8(&t, 1);
	put8(&t, 99); put8(&t, 4); put16(&t, 0);	/* from the future */
	seal(&t);
	assert_int_equal(parse_madt(&t, &a), 0);

	assert_int_equal(a.nr_cpus, 2);
	assert_int_equal(a.nr_cpus_seen, 2);
	assert_int_equal(a.apic_id[0], 0);
	assert_int_equal(a.apic_id[1], 2);
	assert_int_equal(a.lapic_addr, 0xfee00000);
	assert_int_equal(a.nr_ioapics, 1);
	assert_int_equal(a.ioapic[0].id, 7);
	assert_int_equal(a.ioapic[0].addr, 0xfec00000);
	assert_int_equal(a.nr_overrides, 3);
	assert_int_equal(a.override[0].gsi, 2);
	assert_false(a.override[0].level);
	assert_true(a.override[1].level);
	assert_false(a.override[1].active_low);
	assert_true(a.override[2].level);
	assert_true(a.override[2].active_low);
	assert_int_equal(wiring(&a, 0, 1), NMI_LOW);
	assert_int_equal(wiring(&a, 2, 1), NMI_LOW);
	assert_int_equal(wiring(&a, 77, 1), NMI_LOW);	/* a boot CPU that the table left out, too */
	assert_int_equal(wiring(&a, 0, 0), MASKED);
	assert_int_equal(a.nr_refused, 2);		/* the two overrides of no ISA line */
}

static void madt_lapic_address_override(void **state)
{
	(void)state;
	struct table t;
	struct acpi_info a = { 0 };
	begin_madt(&t);
	put8(&t, 5); put8(&t, 12); put16(&t, 0); put32(&t, 0xfee01000); put32(&t, 0);
	seal(&t);
	assert_int_equal(parse_madt(&t, &a), 0);
	assert_int_equal(a.lapic_addr, 0xfee01000);
}

static void madt_x2apic_counts_a_cpu_once(void **state)
{
	(void)state;
	struct table t;
	struct acpi_info a = { 0 };
	begin_madt(&t);
	put_lapic(&t, 0, 0, 1);
	put_x2apic(&t, 0, 0, 1);
	put_x2apic(&t, 300, 300, 1);
	seal(&t);
	assert_int_equal(parse_madt(&t, &a), 0);
	assert_int_equal(a.nr_cpus, 2);
	assert_int_equal(a.apic_id[1], 300);
	assert_int_equal(a.acpi_uid[1], 300);
}

static void madt_more_cpus_than_fit(void **state)
{
	(void)state;
	struct table t;
	struct acpi_info a = { 0 };
	begin_madt(&t);
	for (u32 i = 0; i < NR_CPUS + 20; i++)
		put_lapic(&t, i, i, 1);
	seal(&t);
	assert_int_equal(parse_madt(&t, &a), 0);
	assert_int_equal(a.nr_cpus, NR_CPUS);
	assert_int_equal(a.nr_cpus_seen, NR_CPUS + 20);
}

static void madt_more_of_the_rest_than_fits(void **state)
{
	(void)state;
	struct table t;
	struct acpi_info a = { 0 };
	begin_madt(&t);
	for (u32 i = 0; i < 20; i++) {
		put_ioapic(&t, i, 0xfec00000 + (i << 12), 24 * i);
		put_override(&t, 0, i & 15, i, 0);
	}
	seal(&t);
	assert_int_equal(parse_madt(&t, &a), 0);
	assert_int_equal(a.nr_ioapics, ACPI_MAX_IOAPICS);
	assert_int_equal(a.nr_overrides, ACPI_MAX_OVERRIDES);
	assert_int_equal(a.nr_refused, 40 - ACPI_MAX_IOAPICS - ACPI_MAX_OVERRIDES);
	assert_int_equal(a.refused[0].at, 44 + ACPI_MAX_IOAPICS * 22);
	assert_int_equal(a.refused[0].type, 1);
	assert_int_equal(a.refused[0].value, 0xfec08000);
}

/* -- MADTs with the facts of real machines ---------------------------------------- */
/* A laptop of 2022: an entry for each of 24 CPUs, those of the first ones before the CPUs. */
static void madt_nmi_entry_for_each_cpu(void **state)
{
	(void)state;
	struct table t;
	struct acpi_info a = { 0 };
	begin_madt(&t);
	for (u32 uid = 0; uid < 12; uid++)
		put_nmi(&t, uid, 5, 1);
	for (u32 uid = 0; uid < 24; uid++)
		put_lapic(&t, uid, uid * 8 + (uid & 1), 1);
	for (u32 uid = 12; uid < 24; uid++)
		put_nmi(&t, uid, uid & 1 ? 7 : 5, 1);
	seal(&t);
	assert_int_equal(parse_madt(&t, &a), 0);
	assert_int_equal(a.nr_refused, 0);
	for (u32 uid = 0; uid < 24; uid++) {
		assert_int_equal(wiring(&a, a.apic_id[uid], 0), MASKED);
		assert_int_equal(wiring(&a, a.apic_id[uid], 1), uid > 12 && uid & 1 ? NMI_LOW : NMI_HIGH);
	}
	acpi_put_boot_cpu_first(&a, a.apic_id[23]);	/* what belongs to a CPU goes with it */
	assert_int_equal(a.acpi_uid[0], 23);
	for (u32 i = 0; i < 24; i++)
		assert_int_equal(wiring(&a, a.apic_id[i], 1),
		                 a.acpi_uid[i] > 12 && a.acpi_uid[i] & 1 ? NMI_LOW : NMI_HIGH);
	assert_int_equal(wiring(&a, 201, 1), MASKED);
}

/* As many as there can be: both inputs of each CPU, one of them by an entry for x2APIC. */
static void madt_nmi_entries_of_all_cpus(void **state)
{
	(void)state;
	struct table t;
	struct acpi_info a = { 0 };
	begin_madt(&t);
	for (u32 uid = 0; uid < NR_CPUS; uid++) {
		put_nmi(&t, uid, 5, 1);
		put_x2apic_nmi(&t, uid, 0xf, 0);
		put_lapic(&t, uid, uid, 1);
	}
	seal(&t);
	assert_int_equal(parse_madt(&t, &a), 0);
	for (u32 i = 0; i < NR_CPUS; i++) {
		assert_int_equal(wiring(&a, i, 0), NMI_LOW);
		assert_int_equal(wiring(&a, i, 1), NMI_HIGH);
	}
}

/* Two laptops of 2015: what is in these entries was never written. */
static void madt_nmi_entries_of_garbage(void **state)
{
	(void)state;
	static const struct { u32 flags, lint, value; } garbage[] = {
		{ 0x0fc9,   0, 0x0fc9 }, { 0x4c00,  36, 36 }, { 0x058b,   0, 0x058b }, { 0x440f, 133, 133 },
		{ 0x894c,  65, 65 },     { 0xbf78, 141, 141 }, { 0x0002,   1, 2 },      { 0x0009,   1, 9 },
	};
	struct table t;
	struct acpi_info a = { 0 };
	begin_madt(&t);
	for (u32 i = 0; i < ARRAY_SIZE(garbage); i++) {
		put_lapic(&t, i + 1, 2 * i, 1);
		put_nmi(&t, i + 1, garbage[i].flags, garbage[i].lint);
	}
	put_x2apic_nmi(&t, 1, 0, 2);
	seal(&t);
	assert_int_equal(parse_madt(&t, &a), 0);
	assert_int_equal(a.nr_cpus, ARRAY_SIZE(garbage));
	assert_int_equal(a.nr_refused, ARRAY_SIZE(garbage) + 1);
	for (u32 i = 0; i < ARRAY_SIZE(garbage); i++) {
		assert_int_equal(a.refused[i].at, 44 + 14 * i + 8);
		assert_int_equal(a.refused[i].type, 4);
		assert_int_equal(a.refused[i].value, garbage[i].value);
		assert_int_equal(wiring(&a, 2 * i, 0), MASKED);
		assert_int_equal(wiring(&a, 2 * i, 1), MASKED);
	}
}

/* A server: 80 CPUs whose IDs are sparse and out of order, five I/O APICs of 32 pins. */
static void madt_of_a_large_server(void **state)
{
	(void)state;
	static const u32 addr[] = { 0xfec00000, 0xfec3f000, 0xfec7f000, 0xfec80000, 0xfecc0000 };
	struct table t;
	struct acpi_info a = { 0 };
	begin_madt(&t);
	for (u32 i = 0; i < 96; i++)
		put_lapic(&t, i + 1, (i % 4 * 64 + i / 4) & 0xff, i < 80);
	put_nmi(&t, 0xff, 5, 1);
	for (u32 i = 0; i < ARRAY_SIZE(addr); i++)
		put_ioapic(&t, i, addr[i], 32 * i);
	seal(&t);
	assert_int_equal(parse_madt(&t, &a), 0);
	assert_int_equal(a.nr_cpus, 64);
	assert_int_equal(a.nr_cpus_seen, 80);
	assert_int_equal(a.apic_id[1], 64);
	assert_int_equal(a.nr_ioapics, 5);
	for (u32 i = 0; i < ARRAY_SIZE(addr); i++) {
		assert_int_equal(a.ioapic[i].addr, addr[i]);
		assert_int_equal(a.ioapic[i].gsi_base, 32 * i);
	}
	assert_int_equal(wiring(&a, 64, 1), NMI_HIGH);
}

/* A workstation: the I/O APIC of GSI 0 comes first, the others downwards. */
static void madt_ioapics_out_of_order(void **state)
{
	(void)state;
	static const struct { u32 addr, base; } io[] = {
		{ 0xfec00000, 0 }, { 0xb3200000, 120 }, { 0xb2200000, 88 }, { 0xfa680000, 56 }, { 0xe2280000, 24 },
	};
	struct table t;
	struct acpi_info a = { 0 };
	begin_madt(&t);
	put_lapic(&t, 0, 0, 1);
	for (u32 i = 0; i < ARRAY_SIZE(io); i++)
		put_ioapic(&t, 128 + i, io[i].addr, io[i].base);
	seal(&t);
	assert_int_equal(parse_madt(&t, &a), 0);
	assert_int_equal(a.nr_ioapics, 5);
	for (u32 i = 0; i < ARRAY_SIZE(io); i++) {
		assert_int_equal(a.ioapic[i].addr, io[i].addr);
		assert_int_equal(a.ioapic[i].gsi_base, io[i].base);
	}
}

/* A refused table leaves what was known before. */
static void refuses_madt(struct table *t)
{
	struct acpi_info a = { .nr_cpus = 3, .nr_ioapics = 1 };
	assert_int_equal(parse_madt(t, &a), -EBADMSG);
	assert_int_equal(a.nr_cpus, 3);
	assert_int_equal(a.nr_ioapics, 1);
}

static void madt_bad_entry_lengths(void **state)
{
	(void)state;
	static const u8 tails[][3] = { { 0, 0, 0 }, { 0, 1, 0 }, { 0, 3, 0 }, { 200, 4, 0 },
	                               { 9, 3, 0 }, { 1, 255, 0 } };
	for (u32 i = 0; i < ARRAY_SIZE(tails); i++) {
		struct table t;
		begin_madt(&t);
		put_lapic(&t, 0, 0, 1);
		for (u32 b = 0; b < 3; b++)
			put8(&t, tails[i][b]);
		seal(&t);
		refuses_madt(&t);
	}
}

static void madt_bad_headers(void **state)
{
	(void)state;
	struct table t;
	begin_madt(&t);
	put_lapic(&t, 0, 0, 1);
	seal(&t);
	t.bytes[50] ^= 1;			/* checksum */
	refuses_madt(&t);
	t.bytes[50] ^= 1;
	t.bytes[0] = 'X';			/* signature */
	refuses_madt(&t);

	begin_madt(&t);
	seal(&t);
	at32(&t, 4, t.len + 1);			/* longer than what is there */
	fix_sum(t.bytes, t.len, 9);
	refuses_madt(&t);
	at32(&t, 4, 20);			/* shorter than a header */
	fix_sum(t.bytes, 20, 9);
	refuses_madt(&t);
	at32(&t, 4, 40);			/* shorter than a MADT */
	fix_sum(t.bytes, 40, 9);
	refuses_madt(&t);
	for (t.len = 0; t.len < 44; t.len++)	/* cut anywhere */
		refuses_madt(&t);
}

static void boot_cpu_comes_first(void **state)
{
	(void)state;
	struct acpi_info a = { .nr_cpus = 3, .nr_cpus_seen = 3, .apic_id = { 4, 6, 8 },
	                       .acpi_uid = { 40, 60, 80 } };
	acpi_put_boot_cpu_first(&a, 8);
	assert_int_equal(a.apic_id[0], 8);
	assert_int_equal(a.acpi_uid[0], 80);
	assert_int_equal(a.apic_id[1], 4);
	assert_int_equal(a.apic_id[2], 6);
	assert_int_equal(a.nr_cpus, 3);
	acpi_put_boot_cpu_first(&a, 8);		/* a second time changes nothing */
	assert_int_equal(a.apic_id[1], 4);
	assert_int_equal(a.nr_cpus, 3);
}

static void boot_cpu_that_the_table_left_out(void **state)
{
	(void)state;
	struct acpi_info none = { 0 };
	acpi_put_boot_cpu_first(&none, 5);
	assert_int_equal(none.nr_cpus, 1);
	assert_int_equal(none.nr_cpus_seen, 1);
	assert_int_equal(none.apic_id[0], 5);

	struct acpi_info full = { .nr_cpus = NR_CPUS, .nr_cpus_seen = 100 };
	for (u32 i = 0; i < NR_CPUS; i++)
		full.apic_id[i] = i;
	acpi_put_boot_cpu_first(&full, 90);
	assert_int_equal(full.nr_cpus, NR_CPUS);
	assert_int_equal(full.apic_id[0], 90);
	assert_int_equal(full.apic_id[NR_CPUS - 1], NR_CPUS - 2);
}

/* -- FADT, HPET ------------------------------------------------------------------ */
static void begin_fadt(struct table *t, u32 len)
{
	begin(t, "FACP");
	t->len = len;
	at32(t, 40, 0x1000);		/* DSDT */
	at32(t, 48, 0xb2);		/* SMI_CMD */
	t->bytes[52] = 0xf1;		/* ACPI_ENABLE */
	at32(t, 64, 0x604);		/* PM1a_CNT */
	at32(t, 76, 0x608);		/* PM timer */
	at32(t, 112, 1u << 8 | 1u << 10);	/* 32-bit timer, reset register */
}

static void fadt_of_acpi_1(void **state)
{
	(void)state;
	struct table t;
	struct acpi_info a = { 0 };
	u64 dsdt;
	begin_fadt(&t, 116);
	seal(&t);
	assert_int_equal(parse_fadt(&t, &a, &dsdt), 0);
	assert_int_equal(dsdt, 0x1000);
	assert_int_equal(a.smi_cmd_port, 0xb2);
	assert_int_equal(a.acpi_enable, 0xf1);
	assert_int_equal(a.pm1a_cnt_port, 0x604);
	assert_int_equal(a.pm1b_cnt_port, 0);
	assert_int_equal(a.pm_timer_port, 0x608);
	assert_true(a.pm_timer_32bit);
	assert_int_equal(a.reset.addr, 0);	/* the flag is there, the register is not */
	assert_false(a.hw_reduced);
}

static void fadt_extended_fields(void **state)
{
	(void)state;
	struct table t;
	struct acpi_info a = { 0 };
	u64 dsdt;
	begin_fadt(&t, 244);
	at32(&t, 76, 0);		/* no old PM timer, but a new one */
	t.bytes[208] = 1;
	at64(&t, 212, 0x808);
	at32(&t, 64, 0);
	t.bytes[172] = 0;		/* PM1a_CNT in memory: of no use here */
	at64(&t, 176, 0xfed00000);
	t.bytes[116] = 1;
	at64(&t, 120, 0xcf9);
	t.bytes[128] = 6;
	at64(&t, 140, 0x7ffe0000);	/* X_DSDT */
	seal(&t);
	assert_int_equal(parse_fadt(&t, &a, &dsdt), 0);
	assert_int_equal(dsdt, 0x7ffe0000);
	assert_int_equal(a.pm_timer_port, 0x808);
	assert_int_equal(a.pm1a_cnt_port, 0);
	assert_int_equal(a.reset.space, ACPI_IO);
	assert_int_equal(a.reset.addr, 0xcf9);
	assert_int_equal(a.reset_value, 6);
}

/* A tablet: it has none of the fixed registers, whatever the fields say. */
static void fadt_hardware_reduced(void **state)
{
	(void)state;
	struct table t;
	struct acpi_info a = { 0 };
	u64 dsdt;
	begin_fadt(&t, 268);
	at32(&t, 112, 1u << 20);
	seal(&t);
	assert_int_equal(parse_fadt(&t, &a, &dsdt), 0);
	assert_true(a.has_fadt && a.hw_reduced);
	assert_int_equal(a.pm1a_cnt_port, 0);
	assert_int_equal(a.pm_timer_port, 0);
	assert_int_equal(a.smi_cmd_port, 0);
	assert_int_equal(a.sleep_control.addr, 0);
	assert_int_equal(a.reset.addr, 0);

	at32(&t, 112, 1u << 20 | 1u << 10);
	at64(&t, 120, 0xfea00202);		/* reset register, in memory */
	t.bytes[128] = 0x42;
	at64(&t, 248, 0xfea00200);		/* sleep control register */
	seal(&t);
	assert_int_equal(parse_fadt(&t, &a, &dsdt), 0);
	assert_int_equal(a.sleep_control.space, ACPI_MEMORY);
	assert_int_equal(a.sleep_control.addr, 0xfea00200);
	assert_int_equal(a.reset.space, ACPI_MEMORY);
	assert_int_equal(a.reset.addr, 0xfea00202);
	assert_int_equal(a.reset_value, 0x42);

	a = (struct acpi_info){ 0 };
	t.bytes[244] = 0x7f;			/* an address space that no CPU writes to */
	t.bytes[116] = 3;			/* the embedded controller's */
	seal(&t);
	assert_int_equal(parse_fadt(&t, &a, &dsdt), 0);
	assert_int_equal(a.sleep_control.addr, 0);
	assert_int_equal(a.reset.addr, 0);
	t.len = 250;				/* the register's field is cut */
	t.bytes[244] = 0;
	seal(&t);
	assert_int_equal(parse_fadt(&t, &a, &dsdt), 0);
	assert_int_equal(a.sleep_control.addr, 0);
}

static void fadt_refused(void **state)
{
	(void)state;
	struct table t;
	struct acpi_info a = { 0 };
	u64 dsdt;
	begin_fadt(&t, 115);
	seal(&t);
	assert_int_equal(parse_fadt(&t, &a, &dsdt), -EBADMSG);
	begin_fadt(&t, 116);
	at32(&t, 76, 0x12345678);	/* no such port */
	seal(&t);
	assert_int_equal(parse_fadt(&t, &a, &dsdt), 0);
	assert_int_equal(a.pm_timer_port, 0);
}

static void hpet_address(void **state)
{
	(void)state;
	struct table t;
	struct acpi_info a = { 0 };
	begin(&t, "HPET");
	t.len = 56;
	at64(&t, 44, 0xfed00000);
	seal(&t);
	u8 *p = tight(&t);
	assert_int_equal(acpi_parse_hpet(p, 56, &a), 0);
	assert_int_equal(a.hpet_addr, 0xfed00000);
	assert_int_equal(acpi_parse_hpet(p, 55, &a), -EBADMSG);
	free(p);
	t.bytes[40] = 1;		/* in I/O space: nobody makes these */
	seal(&t);
	assert_int_equal(acpi_parse_hpet(t.bytes, 56, &a), -EBADMSG);
}

/* -- DSDT ------------------------------------------------------------------------- */
static void put_s5(struct table *t, const char *name, const u8 *package, u32 len)
{
	begin(t, "DSDT");
	put32(t, 0x12345678);		/* other AML */
	put8(t, 0x08);
	for (; *name; name++)
		put8(t, (u8)*name);
	while (len--)
		put8(t, *package++);
	seal(t);
}

static void s5_in_each_encoding(void **state)
{
	(void)state;
	static const struct { u8 package[12]; u32 len; u16 want; } cases[] = {
		{ { 0x12, 0x06, 4, 0x0a, 5, 0x0a, 3, 0, 0 }, 9, 0x305 },
		{ { 0x12, 0x06, 4, 0x00, 0x01, 0, 0 }, 7, 0x100 },
		{ { 0x12, 0x40, 0x01, 2, 0x0b, 7, 0, 0x01 }, 8, 0x107 },
		{ { 0x12, 0x05, 1, 0x0c, 6, 0, 0, 0 }, 8, 0x006 },
	};
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct table t;
		struct acpi_info a = { 0 };
		put_s5(&t, i % 2 ? "\\_S5_" : "_S5_", cases[i].package, cases[i].len);
		assert_int_equal(find_s5(&t, &a), 0);
		assert_true(a.has_slp_typ5);
		assert_int_equal(a.slp_typ5, cases[i].want);
	}
}

static void s5_not_to_be_found(void **state)
{
	(void)state;
	struct table t;
	struct acpi_info a = { .has_slp_typ5 = true };
	begin(&t, "DSDT");
	seal(&t);
	assert_int_equal(find_s5(&t, &a), -ENOENT);
	assert_false(a.has_slp_typ5);
	static const u8 package[] = { 0x12, 0x06, 4, 0x0a, 5, 0x0a, 3 };
	for (u32 len = 0; len < sizeof(package); len++) {	/* the table ends inside */
		put_s5(&t, "_S5_", package, len);
		assert_int_equal(find_s5(&t, &a), -ENOENT);
	}
	static const u8 method[] = { 0x14, 0x06, 4, 0x0a, 5 };
	put_s5(&t, "_S5_", method, sizeof(method));
	assert_int_equal(find_s5(&t, &a), -ENOENT);
}

/* The DSDT has no _S5_, an SSDT has; another one's checksum is wrong. */
static void s5_in_an_ssdt(void **state)
{
	(void)state;
	static const u8 package[] = { 0x12, 0x06, 4, 0x0a, 7, 0x0a, 7, 0, 0 };
	struct table t;
	struct acpi_info a = { 0 };
	put_s5(&t, "_S4_", package, sizeof(package));
	assert_int_equal(find_s5(&t, &a), -ENOENT);
	put_s5(&t, "_S5_", package, sizeof(package));
	memcpy(t.bytes, "SSDT", 4);
	assert_int_equal(find_s5(&t, &a), -EBADMSG);	/* the sum is that of a DSDT */
	assert_false(a.has_slp_typ5);
	seal(&t);
	assert_int_equal(find_s5(&t, &a), 0);
	assert_int_equal(a.slp_typ5, 0x707);
}

/* -- root ------------------------------------------------------------------------- */
static void rsdp_of_both_versions(void **state)
{
	(void)state;
	u8 r[36] = "RSD PTR ";
	fix_sum(r, 20, 8);
	assert_int_equal(acpi_check_rsdp(r, 20), 0);
	assert_int_equal(acpi_check_rsdp(r, 19), -EBADMSG);
	r[15] = 2;
	fix_sum(r, 20, 8);
	fix_sum(r, 36, 32);
	assert_int_equal(acpi_check_rsdp(r, 36), 0);
	r[24] ^= 1;			/* the part that ACPI 2 added */
	assert_int_equal(acpi_check_rsdp(r, 36), -EBADMSG);
	r[3] = 'x';
	assert_int_equal(acpi_check_rsdp(r, 36), -EBADMSG);
}

static void root_entries(void **state)
{
	(void)state;
	struct table t;
	begin(&t, "XSDT");
	put32(&t, 0x1000); put32(&t, 1);
	put32(&t, 0x2000); put32(&t, 0);
	put16(&t, 0xffff);		/* half an entry */
	seal(&t);
	u8 *p = tight(&t);
	assert_int_equal(acpi_root_entry(p, 8, 0), 0x100001000);
	assert_int_equal(acpi_root_entry(p, 8, 1), 0x2000);
	assert_int_equal(acpi_root_entry(p, 8, 2), 0);
	assert_int_equal(acpi_root_entry(p, 4, 1), 1);
	free(p);
}

/* -- anything at all ---------------------------------------------------------------- */
/* Sound tables with some bytes changed and the checksum put right again, so
 * that the damage gets past it. */
static void damaged_tables_never_overrun(void **state)
{
	(void)state;
	struct prng rng;
	prng_seed(&rng, 1);
	for (u32 round = 0; round < 20000; round++) {
		static const u8 package[] = { 0x12, 0x06, 4, 0x0a, 5, 0x0a, 3, 0, 0 };
		struct table t;
		struct acpi_info a = { 0 };
		u64 dsdt;
		switch (round % 3) {
		case 0:
			begin_madt(&t);
			put_lapic(&t, 0, 0, 1);
			put_x2apic(&t, 1, 1, 1);
			put_override(&t, 0, 0, 2, 0);
			put_nmi(&t, 0, 5, 1);
			put_x2apic_nmi(&t, 1, 5, 1);
			break;
		case 1:
			begin_fadt(&t, 116 + prng_below(&rng, 160));
			break;
		default:
			put_s5(&t, "_S5_", package, sizeof(package));
		}
		seal(&t);
		for (u32 n = prng_below(&rng, 6); n > 0; n--)
			t.bytes[36 + prng_below(&rng, t.len - 36)] = (u8)prng_next(&rng);
		t.len -= prng_below(&rng, 4) ? 0 : prng_below(&rng, t.len - 36);
		seal(&t);
		if (parse_madt(&t, &a) == 0)
			assert_true(a.nr_cpus <= NR_CPUS && a.nr_cpus <= a.nr_cpus_seen);
		(void)!parse_fadt(&t, &a, &dsdt);
		(void)!find_s5(&t, &a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(madt_of_a_pc),
		cmocka_unit_test(madt_lapic_address_override),
		cmocka_unit_test(madt_x2apic_counts_a_cpu_once),
		cmocka_unit_test(madt_more_cpus_than_fit),
		cmocka_unit_test(madt_more_of_the_rest_than_fits),
		cmocka_unit_test(madt_nmi_entry_for_each_cpu),
		cmocka_unit_test(madt_nmi_entries_of_all_cpus),
		cmocka_unit_test(madt_nmi_entries_of_garbage),
		cmocka_unit_test(madt_of_a_large_server),
		cmocka_unit_test(madt_ioapics_out_of_order),
		cmocka_unit_test(madt_bad_entry_lengths),
		cmocka_unit_test(madt_bad_headers),
		cmocka_unit_test(boot_cpu_comes_first),
		cmocka_unit_test(boot_cpu_that_the_table_left_out),
		cmocka_unit_test(fadt_of_acpi_1),
		cmocka_unit_test(fadt_extended_fields),
		cmocka_unit_test(fadt_hardware_reduced),
		cmocka_unit_test(fadt_refused),
		cmocka_unit_test(hpet_address),
		cmocka_unit_test(s5_in_each_encoding),
		cmocka_unit_test(s5_not_to_be_found),
		cmocka_unit_test(s5_in_an_ssdt),
		cmocka_unit_test(rsdp_of_both_versions),
		cmocka_unit_test(root_entries),
		cmocka_unit_test(damaged_tables_never_overrun),
	};
	return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
