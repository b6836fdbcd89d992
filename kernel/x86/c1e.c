/* AMD's C1E. */
#include "lib/string.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/machine.h"
#include "x86/msr.h"

/* Interrupt Pending and CMP-Halt Register (AMD BKDG for family 10h, 31116, MSRC001_0055). Either bit
 * makes HLT on all cores a C1E; the firmware sets them, alike on all cores. Erratum 400 (revision guides
 * 33610 for family 0Fh, 41322 for 10h): the APIC's timer may then stop. The register came with revision F
 * of family 0Fh, and later families have other ways to do it: reading tells whether it exists. */
#define MSR_INT_PENDING   0xc0010055
#define C1E_SMI_ON_HALT   (1ull << 27)
#define C1E_ON_HALT       (1ull << 28)
#define FIRST_FAMILY      0x0f
#define LAST_FAMILY       0x11

static bool may_have_c1e(void)
{
	struct cpuid vendor = cpuid(0, 0);
	u32 family = cpu_family(cpuid(1, 0).eax);

	return !memcmp(&vendor.ebx, "Auth", 4) && !memcmp(&vendor.edx, "enti", 4) &&
	       !memcmp(&vendor.ecx, "cAMD", 4) && family >= FIRST_FAMILY && family <= LAST_FAMILY;
}

static bool switch_off(u64 value)
{
	u64 after;

	return !wrmsr_safe(MSR_INT_PENDING, value & ~(C1E_SMI_ON_HALT | C1E_ON_HALT)) &&
	       !rdmsr_safe(MSR_INT_PENDING, &after) && !(after & (C1E_SMI_ON_HALT | C1E_ON_HALT));
}

void c1e_disable(void)
{
	static bool told;		/* APs start one at a time */
	u64 value;

	if (!may_have_c1e() || rdmsr_safe(MSR_INT_PENDING, &value) ||
	    !(value & (C1E_SMI_ON_HALT | C1E_ON_HALT)))
		return;
	if (!switch_off(value))
		printk("cpu: C1E cannot be switched off, and an idle CPU's timer may stop: switch C1E off in the "
		       "firmware's set-up\n");
	else if (!told)
		printk("cpu: AMD's C1E was on, which stops the timer of an idle CPU: switched off\n");
	told = true;
}
