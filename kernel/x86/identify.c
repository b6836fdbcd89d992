#include "lib/string.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/machine.h"
#include "x86/panic.h"

/* What else the kernel cannot do without, boot.asm has asked for. */
static void require_apic(void)
{
	if (!(cpuid(1, 0).edx & CPUID1_EDX_APIC))
		panic("cpu: this CPU has no local APIC, which Quiesce needs; perhaps it is off in the firmware's set-up");
}

/* Twelve characters in EBX, EDX, ECX (Intel SDM vol. 2, CPUID leaf 0). */
static void read_vendor(char vendor[13])
{
	struct cpuid r = cpuid(0, 0);

	memcpy(vendor, &r.ebx, 4);
	memcpy(vendor + 4, &r.edx, 4);
	memcpy(vendor + 8, &r.ecx, 4);
	vendor[12] = '\0';
}

/* Three leaves of 16 characters, right-aligned on some CPUs. */
static const char *read_brand(char brand[49])
{
	const char *start = brand;

	memset(brand, 0, 49);
	if (cpuid(0x80000000, 0).eax < 0x80000004)
		return "no brand name";
	for (u32 i = 0; i < 3; i++) {
		struct cpuid r = cpuid(0x80000002 + i, 0);
		memcpy(brand + 16 * i, &r, 16);
	}
	while (*start == ' ')
		start++;
	return start;
}

/* With the extended fields where they count (SDM vol. 2, CPUID leaf 1). */
u32 cpu_family(u32 eax)
{
	u32 f = eax >> 8 & 0xf;

	return f == 0xf ? f + (eax >> 20 & 0xff) : f;
}

u32 cpu_model(u32 eax)
{
	u32 f = eax >> 8 & 0xf, m = eax >> 4 & 0xf;

	return f == 6 || f == 0xf ? m + (eax >> 12 & 0xf0) : m;
}

void cpu_identify(void)
{
	char vendor[13], brand[49];
	u32 eax = cpuid(1, 0).eax;

	read_vendor(vendor);
	printk("cpu: %s, %s (family %u, model %u, stepping %u)\n", vendor, read_brand(brand),
	       cpu_family(eax), cpu_model(eax), eax & 0xf);
	require_apic();
}
