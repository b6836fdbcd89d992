/* The few ACPI tables an SMP kernel needs (ACPI 6.4, 5.2). */
#pragma once
#include "lib/types.h"

#define ACPI_MAX_IOAPICS   8
#define ACPI_MAX_OVERRIDES 16
#define ACPI_MAX_REFUSED   8
#define ACPI_UID_ALL       0xffffffffu

/* A register by address space (ACPI 6.4, 5.2.3.2); address 0: none. */
struct acpi_register { u8 space; u64 addr; };
enum { ACPI_MEMORY = 0, ACPI_IO = 1, ACPI_PCI = 2 };

/* Which of a local APIC's two LINT inputs are wired to NMI: a bit for each. */
struct acpi_nmi { u8 wired, active_low; };

struct acpi_info {
	/* MADT. Interrupt controllers and the CPUs behind them. */
	u32 nr_cpus;			/* enabled ones, at most NR_CPUS kept */
	u32 nr_cpus_seen;		/* enabled ones in the table */
	u32 apic_id[NR_CPUS];		/* [0] is the boot CPU, once it is known */
	u32 acpi_uid[NR_CPUS];
	u64 lapic_addr;
	u32 nr_ioapics;
	struct { u32 id, addr, gsi_base; } ioapic[ACPI_MAX_IOAPICS];
	u32 nr_overrides;
	struct { u8 isa_irq; u32 gsi; bool active_low, level; } override[ACPI_MAX_OVERRIDES];
	struct acpi_nmi nmi_all, nmi[NR_CPUS];	/* of every CPU; of those above, besides */
	u32 nr_refused;			/* entries that make no sense, or are too many */
	struct { u32 at, type, value; const char *why; } refused[ACPI_MAX_REFUSED];

	/* HPET. */
	u64 hpet_addr;			/* 0: none */

	/* FADT and DSDT. */
	u32 pm_timer_port;		/* 0: none */
	bool pm_timer_32bit;
	bool has_fadt;
	bool hw_reduced;		/* no PM timer, no PM1 registers; power-off by sleep_control */
	u32 pm1a_cnt_port, pm1b_cnt_port;	/* for power-off; 0: none */
	u32 smi_cmd_port;		/* 0: the machine is always in ACPI mode */
	u8  acpi_enable;		/* what to write there to enter it */
	u16 slp_typ5;			/* \_S5 sleep types a | b << 8 */
	bool has_slp_typ5;
	struct acpi_register sleep_control, reset;
	u8 reset_value;
};

/* -- pure, acpi_parse.c: also run and fuzzed on the host ------------------ */
/* Each takes a table of `len` readable bytes including its header; 0 or
 * -EBADMSG (signature, checksum, bounds), and then *out is as it was. */
int acpi_parse_madt(const void *table, u32 len, struct acpi_info *out) must_use;
int acpi_parse_fadt(const void *table, u32 len, struct acpi_info *out, u64 *dsdt) must_use;
int acpi_parse_hpet(const void *table, u32 len, struct acpi_info *out) must_use;
/* Looks for the name \_S5_ and its package of integers in the DSDT or an SSDT.
 * 0, -EBADMSG (broken table), -ENOENT (no such name). */
int acpi_find_s5(const void *table, u32 len, struct acpi_info *out) must_use;
/* Signature, length and checksum of any table. 0 or -EBADMSG. */
int acpi_check_table(const void *table, u32 len, const char *signature) must_use;
/* The same for the root pointer, of which 20 (ACPI 1) or 36 bytes are readable. */
int acpi_check_rsdp(const void *rsdp, u32 len) must_use;
/* Where XSDT (entry size 8) or RSDT (4) points: entry `i`, or 0 past its end. */
u64 acpi_root_entry(const void *root, u32 entry_size, u32 i);
/* Is the input LINT0 or LINT1 (`lint` 0, 1) of this CPU wired to NMI? */
bool acpi_lint_is_nmi(const struct acpi_info *info, u32 apic_id, u32 lint, bool *active_low);
/* Makes `apic_id` the first CPU, adding it when the table left it out. */
void acpi_put_boot_cpu_first(struct acpi_info *info, u32 apic_id);

/* -- acpi.c ---------------------------------------------------------------- */
/* Fixed after acpi_init() and lapic_init(). */
extern struct acpi_info acpi;
/* Finds the RSDP (boot tags, else EBDA and BIOS area), walks XSDT or RSDT.
 * 0, -ENODEV (no ACPI), -EBADMSG; says what was wrong. Boot CPU. */
int acpi_init(void) must_use;
/* S5. If that does not end the machine it returns, with what was tried or why nothing was. Any context. */
const char *acpi_poweroff(void);
/* Writes the reset register, after a line that says so. Returns if there is none, or it did not help. Any
 * context. */
void acpi_reset(void);
