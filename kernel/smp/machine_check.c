/* Machine-check architecture (Intel SDM vol. 3, chapter 15). */
#include "smp/machine_check.h"
#include "smp/percpu.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/machine.h"
#include "x86/msr.h"
#include "x86/panic.h"
#include "x86/trap.h"

#define MSR_MCG_CAP    0x179
#define MSR_MCG_STATUS 0x17a
#define MSR_MCG_CTL    0x17b
#define MSR_MC_CTL(bank)    (0x400 + 4 * (bank))
#define MSR_MC_STATUS(bank) (0x401 + 4 * (bank))
#define MSR_MC_ADDR(bank)   (0x402 + 4 * (bank))

#define MCG_CAP_BANKS  0xffu
#define MCG_CAP_CTL    (1u << 8)
#define MC_STATUS_VALID      (1ull << 63)
#define MC_STATUS_ADDR_VALID (1ull << 58)

#define TELLING_NS NSEC_PER_SEC

static bool has_mce(void) { return cpuid(1, 0).edx & (1u << 7); }
static bool has_mca(void) { return cpuid(1, 0).edx & (1u << 14); }

/* 0 where there is none: a hypervisor or emulator may have the bit in CPUID without the registers. */
static u64 read_or_0(u32 msr)
{
	u64 value;
	return has_mca() && !rdmsr_safe(msr, &value) ? value : 0;
}

static u32 nr_banks(void) { return read_or_0(MSR_MCG_CAP) & MCG_CAP_BANKS; }

static void print_bank(u32 bank)
{
	u64 status = read_or_0(MSR_MC_STATUS(bank));
	if (!(status & MC_STATUS_VALID))
		return;
	u64 addr = status & MC_STATUS_ADDR_VALID ? read_or_0(MSR_MC_ADDR(bank)) : 0;
	printk("machine check: bank %u status %#llx address %#llx\n", bank, status, addr);
}

/* Intel's come to all CPUs at once (15.10.4.1), others to one. The first that panics breaks
 * the console's lock, so all tell first what they have. */
static void let_others_tell(void)
{
	static u32 told;	/* CPUs that have */
	u64 end = clock_ns() + TELLING_NS;

	atomic_add(&told, 1);
	while (READ_ONCE(told) < nr_cpus && !clock_passed(end))
		cpu_relax();
}

static void on_machine_check(struct regs *regs)
{
	for (u32 bank = 0; bank < nr_banks(); bank++)
		print_bank(bank);
	let_others_tell();
	panic_regs(regs, "machine check on CPU %u, MCG_STATUS %#llx: the hardware is broken",
	           this_cpu()->id, read_or_0(MSR_MCG_STATUS));
}

/* Bank 0 of early family 6 CPUs belongs to the firmware (15.3.2.1). */
static u32 first_bank_to_enable(void)
{
	u32 id = cpuid(1, 0).eax;
	return cpu_family(id) == 6 && cpu_model(id) < 0x1a ? 1 : 0;
}

/* What was not written stays as the firmware set it up: less is reported. */
static void enable_banks(void)
{
	u32 missing = 0;
	if (read_or_0(MSR_MCG_CAP) & MCG_CAP_CTL)
		missing += wrmsr_safe(MSR_MCG_CTL, ~0ull) != 0;
	for (u32 bank = 0; bank < nr_banks(); bank++) {
		if (bank >= first_bank_to_enable())
			missing += wrmsr_safe(MSR_MC_CTL(bank), ~0ull) != 0;
		missing += wrmsr_safe(MSR_MC_STATUS(bank), 0) != 0;	/* what is left from before the boot */
	}
	if (missing)
		printk("machine check: this CPU refuses %u of its registers; some errors may not be reported\n", missing);
}

void machine_check_enable(void)
{
	enable_banks();
	/* Last (15.8). Without it a machine check is a shutdown. */
	if (has_mce())
		write_cr4(read_cr4() | CR4_MCE);
}

void machine_check_init(void)
{
	trap_set_handler(TRAP_MC, on_machine_check);
}
