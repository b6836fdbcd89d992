// sources: kernel/x86/acpi_parse.c
// The parsers of firmware tables on any bytes. The first byte chooses the parser;
// its top bit leaves signature, length and checksum as they are, which otherwise are
// made right, or nothing behind them would ever be reached.
#include <stdlib.h>
#include <string.h>
#include "x86/acpi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_sound(u8 *table, u32 len, const char *signature)
{
	u8 sum = 0;

	if (len < 36)
		return;
	memcpy(table, signature, 4);
	memcpy(table + 4, &len, 4);
	table[9] = 0;
	for (u32 i = 0; i < len; i++)
		sum = (u8)(sum + table[i]);
	table[9] = (u8)-sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const signature[] = { "APIC", "FACP", "HPET", "DSDT" };
	static struct acpi_info info;
	u32 kind, len;
	u8 *table;
	u64 dsdt;
	int e;

	if (size < 1 || size > 1u << 20)
		return 0;
	kind = data[0] % 4;
	len = (u32)(size - 1);
	table = malloc(len ? len : 1);
	memcpy(table, data + 1, len);
	if (!(data[0] & 0x80))
		make_sound(table, len, signature[kind]);
	memset(&info, 0, sizeof(info));
	switch (kind) {
	case 0:  e = acpi_parse_madt(table, len, &info); break;
	case 1:  e = acpi_parse_fadt(table, len, &info, &dsdt); break;
	case 2:  e = acpi_parse_hpet(table, len, &info); break;
	default: e = acpi_find_s5(table, len, &info); break;
	}
	if (e > 0 || info.nr_cpus > NR_CPUS || info.nr_ioapics > ACPI_MAX_IOAPICS ||
	    info.nr_overrides > ACPI_MAX_OVERRIDES)
		abort();
	free(table);
	return 0;
}
