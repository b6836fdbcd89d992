/* The local APIC of each CPU (Intel SDM vol. 3, chapter 10): receives and sends
 * interrupts, and has a timer. Registers are reached by memory (xAPIC) or by
 * MSR (x2APIC); everything above the two accessors is the same. */
#include "lib/errno.h"
#include "lib/math64.h"
#include "x86/acpi.h"
#include "x86/apic.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/paging.h"
#include "x86/panic.h"
#include "x86/trap.h"

#define APIC_BASE_ENABLE (1u << 11)
#define APIC_BASE_X2APIC (1u << 10)

/* Registers by offset (table 10-1); the x2APIC MSR is 0x800 + offset / 16. */
#define LAPIC_ID        0x020
#define LAPIC_VERSION   0x030
#define LAPIC_TPR       0x080
#define LAPIC_EOI       0x0b0
#define LAPIC_SVR       0x0f0
#define LAPIC_ESR       0x280
#define LAPIC_ICR       0x300
#define LAPIC_ICR_HIGH  0x310
#define LVT_TIMER       0x320
#define LVT_PERF        0x340
#define LVT_LINT0       0x350
#define LVT_LINT1       0x360
#define LVT_ERROR       0x370
#define LAPIC_TIMER_INIT  0x380
#define LAPIC_TIMER_COUNT 0x390
#define LAPIC_TIMER_DIV   0x3e0
#define X2APIC_SELF_IPI 0x3f0

#define SVR_ENABLE       (1u << 8)
#define LVT_MASKED       (1u << 16)
#define LVT_DELIVER_NMI  (4u << 8)
#define LVT_ACTIVE_LOW   (1u << 13)
#define TIMER_DIVIDE_BY_1 0xb

#define ICR_DELIVER_NMI     (4u << 8)
#define ICR_DELIVER_INIT    (5u << 8)
#define ICR_DELIVER_STARTUP (6u << 8)
#define ICR_PENDING         (1u << 12)
#define ICR_ASSERT          (1u << 14)
#define ICR_TO_SELF         (1u << 18)
#define ICR_TO_OTHERS       (3u << 18)

/* Fixed after lapic_init(). */
static volatile u32 *mmio;
static bool x2apic;

static u32 reg_read(u32 reg)
{
	return x2apic ? (u32)rdmsr(0x800 + reg / 16) : mmio[reg / 4];
}

static void reg_write(u32 reg, u32 value)
{
	if (x2apic)
		wrmsr(0x800 + reg / 16, value);
	else
		mmio[reg / 4] = value;
}

/* -- finding and enabling -------------------------------------------------- */
static bool cpu_has_lapic(void)  { return cpuid(1, 0).edx & (1u << 9); }
static bool cpu_has_x2apic(void) { return cpuid(1, 0).ecx & (1u << 21); }

/* Firmware of real machines may rely on the other mode in its SMI handlers (VT-d
 * specification, DMAR table, X2APIC_OPT_OUT): there, only where firmware has chosen it, or
 * where an id needs it. */
static bool wants_x2apic(void)
{
	if (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC)
		return true;
	if (!cpu_has_x2apic())
		return false;
	for (u32 i = 0; i < acpi.nr_cpus; i++) {
		if (acpi.apic_id[i] > 0xfe)
			return true;
	}
	return cpu_is_emulated();
}

/* From disabled to x2APIC there is no direct way (SDM vol. 3, 10.12.5). */
static void enable_mode(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);
	if (!(base & APIC_BASE_ENABLE))
		wrmsr(MSR_APIC_BASE, base |= APIC_BASE_ENABLE);
	if (x2apic && !(base & APIC_BASE_X2APIC))
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
}

/* LINT pins: what the MADT says is wired to NMI on this CPU is let through,
 * the rest is masked; LINT0 was the 8259's. */
static void set_local_interrupts(void)
{
	u32 lint[2] = { LVT_MASKED, LVT_MASKED };
	for (u32 i = 0; i < 2; i++) {
		bool low;
		if (acpi_lint_is_nmi(&acpi, lapic_id(), i, &low))
			lint[i] = LVT_DELIVER_NMI | (low ? LVT_ACTIVE_LOW : 0);
	}
	reg_write(LVT_LINT0, lint[0]);
	reg_write(LVT_LINT1, lint[1]);
}

static void on_spurious(struct regs *regs)
{
	(void)regs;	/* no EOI: it is not in service (SDM vol. 3, 10.9) */
}

static void on_error(struct regs *regs)
{
	static u32 reported;
	(void)regs;
	reg_write(LAPIC_ESR, 0);	/* latches what has come up since the last write */
	u32 error = reg_read(LAPIC_ESR);
	lapic_eoi();
	if (atomic_add(&reported, 1) <= 8)
		printk("lapic %u: error status %#x (SDM vol. 3, 10.5.3)\n", lapic_id(), error);
}

void lapic_enable(void)
{
	enable_mode();
	u32 last_lvt = reg_read(LAPIC_VERSION) >> 16 & 0xff;
	reg_write(LAPIC_TPR, 0);
	reg_write(LAPIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	reg_write(LVT_TIMER, LVT_MASKED);
	if (last_lvt >= 4)
		reg_write(LVT_PERF, LVT_MASKED);
	/* The thermal entry stays as it is: firmware serves it by SMI. */
	set_local_interrupts();
	reg_write(LAPIC_TIMER_DIV, TIMER_DIVIDE_BY_1);
	reg_write(LAPIC_ESR, 0);
	reg_write(LVT_ERROR, VECTOR_LAPIC_ERROR);
	lapic_eoi();	/* one that the firmware may have left in service */
}

int lapic_init(void)
{
	if (!cpu_has_lapic())
		return -ENODEV;
	x2apic = wants_x2apic();
	if (!x2apic) {
		paddr_t base = rdmsr(MSR_APIC_BASE) & 0xffffff000ull;
		mmio = fixmap(base ? base : acpi.lapic_addr, PAGE_SIZE, MEMORY_DEVICE);
		if (!mmio)
			return -ENODEV;
	}
	trap_set_handler(VECTOR_SPURIOUS, on_spurious);
	trap_set_handler(VECTOR_LAPIC_ERROR, on_error);
	lapic_enable();
	acpi_put_boot_cpu_first(&acpi, lapic_id());
	return 0;
}

/* By memory it is slow under emulation: struct cpu keeps a copy. */
u32 lapic_id(void)
{
	u32 id = reg_read(LAPIC_ID);
	return x2apic ? id : id >> 24;
}

void lapic_eoi(void) { reg_write(LAPIC_EOI, 0); }

/* -- sending --------------------------------------------------------------- */
/* The previous interrupt has normally left long ago; on a broken machine this
 * gives up after some ten microseconds to a millisecond. */
static void wait_until_sent(void)
{
	for (u32 i = 0; i < 1000 && mmio[LAPIC_ICR / 4] & ICR_PENDING; i++)
		cpu_relax();
}

/* Unlike a write to the xAPIC's uncached memory, this WRMSR may pass earlier
 * stores, and the receiver would not see what the interrupt is about (SDM
 * vol. 3, 10.12.3). Every CPU with x2APIC has these fences. */
static void x2apic_send(u32 dest, u32 command)
{
	__asm__ volatile("mfence; lfence" ::: "memory");
	wrmsr(0x800 + LAPIC_ICR / 16, (u64)dest << 32 | command);
}

/* An interrupt handler that sends between the two writes would turn this one
 * to its own destination, so interrupts stay off for them. (NMI handlers do
 * not send.) */
static void send(u32 dest, u32 command)
{
	if (x2apic) {
		x2apic_send(dest, command);
		return;
	}
	u32 flags = irq_save();
	wait_until_sent();
	mmio[LAPIC_ICR_HIGH / 4] = dest << 24;
	mmio[LAPIC_ICR / 4] = command;
	irq_restore(flags);
}

void lapic_send(u32 apic_id, u8 vector)      { send(apic_id, ICR_ASSERT | vector); }
void lapic_broadcast_others(u8 vector)       { send(0, ICR_TO_OTHERS | ICR_ASSERT | vector); }
void lapic_send_nmi(u32 apic_id)             { send(apic_id, ICR_ASSERT | ICR_DELIVER_NMI); }
void lapic_send_init(u32 apic_id)            { send(apic_id, ICR_ASSERT | ICR_DELIVER_INIT); }
void lapic_send_startup(u32 apic_id, u8 page){ send(apic_id, ICR_ASSERT | ICR_DELIVER_STARTUP | page); }

void lapic_send_self(u8 vector)
{
	if (x2apic)
		reg_write(X2APIC_SELF_IPI, vector);
	else
		send(0, ICR_TO_SELF | ICR_ASSERT | vector);
}

/* -- timer ----------------------------------------------------------------- */
/* Counts per nanosecond as a fixed-point number. Scaling it by 2^24 keeps the
 * error below 3 per million at 25 MHz, the slowest seen, and fits 32 bits up
 * to 256 GHz. Fixed after calibration. */
#define TIMER_SHIFT 24
static u32 timer_mult;
static u32 timer_khz;

/* No division: this is on the way of every tick and every sleep. */
void lapic_timer_set(u64 ns)
{
	u32 capped = ns >> 32 ? ~0u : (u32)ns;	/* 4.3 s; who set it looks again then */
	u64 count = (u64)capped * timer_mult >> TIMER_SHIFT;
	if (count > 0xffffffffu)
		count = 0xffffffffu;
	if (count == 0)
		count = 1;	/* 0 would stop it: what is due already comes at once */
	reg_write(LVT_TIMER, VECTOR_LAPIC_TIMER);
	reg_write(LAPIC_TIMER_INIT, (u32)count);
}

void lapic_timer_stop(void)
{
	reg_write(LVT_TIMER, LVT_MASKED);
	reg_write(LAPIC_TIMER_INIT, 0);
}

/* The counter and the time at which it was read, within *slack nanoseconds. */
static u32 read_counter(u64 *at, u32 *slack)
{
	u32 best = 0;
	*slack = ~0u;
	for (u32 i = 0; i < 4; i++) {
		u64 before = clock_ns();
		u32 count = reg_read(LAPIC_TIMER_COUNT);
		u64 after = clock_ns();
		if (after - before < *slack) {
			*slack = (u32)(after - before);
			*at = before + *slack / 2;
			best = count;
		}
	}
	return best;
}

#define CALIBRATION_US 5000

/* One window; returns its uncertainty in nanoseconds. */
static u32 measure_timer(u32 *khz)
{
	u64 start, end;
	u32 slack0, slack1;
	reg_write(LAPIC_TIMER_INIT, 0xffffffffu);
	u32 first = read_counter(&start, &slack0);
	delay_us(CALIBRATION_US);
	u32 last = read_counter(&end, &slack1);
	u32 elapsed = (u32)(end - start);
	*khz = elapsed ? (u32)div_u64((u64)(first - last) * 1000000, elapsed) : 0;
	return slack0 + slack1;
}

/* A window during which an emulator's host was busy elsewhere shows by its
 * uncertainty; then another is tried. */
void lapic_timer_calibrate(void)
{
	u32 best = ~0u;
	reg_write(LVT_TIMER, LVT_MASKED);
	for (u32 i = 0; i < 4 && best > CALIBRATION_US; i++) {
		u32 khz, slack = measure_timer(&khz);
		if (khz && slack < best) {
			best = slack;
			timer_khz = khz;
		}
	}
	lapic_timer_stop();
	if (!timer_khz)
		panic("the local APIC's timer does not count");
	timer_mult = (u32)div_u64((u64)timer_khz << TIMER_SHIFT, 1000000);
}
