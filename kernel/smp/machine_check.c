/* Machine-check architecture (Intel SDM vol. 3, chapter 15). */
#include "smp/machine_check.h"
#include "smp/percpu.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/cpu.h"
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
static u32 nr_banks(void) { return has_mca() ? rdmsr(MSR_MCG_CAP) & MCG_CAP_BANKS : 0; }

static void print_bank(u32 bank)
{
	u64 status = rdmsr(MSR_MC_STATUS(bank));
	if (!(status & MC_STATUS_VALID))
		return;
	u64 addr = status & MC_STATUS_ADDR_VALID ? rdmsr(MSR_MC_ADDR(bank)) : 0;
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
	           this_cpu()->id, has_mca() ? rdmsr(MSR_MCG_STATUS) : 0ull);
}

/* Bank 0 of early family 6 CPUs belongs to the firmware (15.3.2.1). */
static u32 first_bank_to_enable(void)
{
	u32 id = cpuid(1, 0).eax;
	u32 family = id >> 8 & 0xf, model = (id >> 4 & 0xf) | (id >> 12 & 0xf0);
	return family == 6 && model < 0x1a ? 1 : 0;
}

void machine_check_enable(void)
{
	if (has_mca() && rdmsr(MSR_MCG_CAP) & MCG_CAP_CTL)
		wrmsr(MSR_MCG_CTL, ~0ull);
	for (u32 bank = 0; bank < nr_banks(); bank++) {
		if (bank >= first_bank_to_enable())
			wrmsr(MSR_MC_CTL(bank), ~0ull);
		wrmsr(MSR_MC_STATUS(bank), 0);	/* what is left from before the boot */
	}
	/* Last (15.8). Without it a machine check is a shutdown. */
	if (has_mce())
		write_cr4(read_cr4() | CR4_MCE);
}

void machine_check_init(void)
{
	trap_set_handler(TRAP_MC, on_machine_check);
}
