/* Time from the TSC, whose rate nothing tells reliably: it is measured once
 * against a clock whose rate is known. */
#include "x86/clock.h"
#include "lib/boot_option.h"
#include "lib/errno.h"
#include "lib/math64.h"
#include "lib/string.h"
#include "x86/acpi.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/paging.h"
#include "x86/panic.h"

/* ns = cycles * mult >> SHIFT. With this shift mult fits 32 bits for a TSC of
 * 1 MHz and more (some emulators), and is exact to 1 per million at 4 GHz,
 * which is better than any calibration. Fixed after clock_init(). */
#define SHIFT 22
static u32 mult;
static u32 khz;
static u64 tsc_base;

/* (hi * 2^32 + lo) * mult >> SHIFT, without losing bits in the middle. */
u64 tsc_to_ns(u64 cycles)
{
	u64 low = (u64)(u32)cycles * mult >> SHIFT;
	return ((u64)(u32)(cycles >> 32) * mult << (32 - SHIFT)) + low;
}

u64 clock_ns(void)              { return tsc_to_ns(rdtsc() - tsc_base); }
u32 tsc_khz(void)               { return khz; }

/* -- clocks of known rate -------------------------------------------------- */
/* Each counts upwards, modulo mask + 1. */
struct reference {
	const char *name;
	bool (*start)(struct reference *ref);
	u32 (*read)(void);
	u32 mask;
	u32 hz;		/* at most 2^30 */
};

/* HPET (IA-PC HPET Specification 1.0a, 2.3). */
#define HPET_PERIOD     (0x004 / 4)	/* femtoseconds per count */
#define HPET_CONFIG     (0x010 / 4)
#define HPET_CONFIG_ON  1u
#define HPET_LEGACY     2u		/* timers 0 and 1 take the place of the PIT's and RTC's interrupts */
#define HPET_TIMERS(id) ((id) >> 8 & 0x1f)	/* of register 0: less one */
#define HPET_TIMER(n)   ((0x100 + 0x20 * (n)) / 4)
#define HPET_TIMER_INT  4u
#define HPET_COUNTER    (0x0f0 / 4)
#define HPET_MAX_PERIOD 100000000u	/* 2.3.4: 100 ns */
#define HPET_MIN_PERIOD   1000000u	/* 1 ns: faster than any made */
static volatile u32 *hpet;

/* Only its counter is wanted: what the firmware left its timers to do stops here. */
static void hpet_silence(void)
{
	for (u32 n = 0; n <= HPET_TIMERS(hpet[0]); n++)
		hpet[HPET_TIMER(n)] &= ~HPET_TIMER_INT;
	hpet[HPET_CONFIG] &= ~HPET_LEGACY;
}

static bool hpet_start(struct reference *ref)
{
	if (!acpi.hpet_addr)
		return false;
	hpet = fixmap(acpi.hpet_addr, PAGE_SIZE, MEMORY_DEVICE);
	if (!hpet)
		return false;
	u32 period = hpet[HPET_PERIOD];
	if (period < HPET_MIN_PERIOD || period > HPET_MAX_PERIOD)
		return false;
	ref->hz = (u32)div_u64(1000000000000000ull, period);
	hpet_silence();
	hpet[HPET_CONFIG] |= HPET_CONFIG_ON;
	return true;
}
static u32 hpet_read(void) { return hpet[HPET_COUNTER]; }

/* ACPI power management timer (ACPI 6.4, 4.8.3.3). */
static bool pm_timer_start(struct reference *ref)
{
	if (acpi.pm_timer_32bit)
		ref->mask = 0xffffffffu;
	return acpi.pm_timer_port != 0;
}
static u32 pm_timer_read(void) { return inl((u16)acpi.pm_timer_port); }

/* Channel 2 of the 8254, the speaker's, whose gate is ours to open without an
 * interrupt (Intel 8254 data sheet; port 0x61 is the ICH's NMI_SC). */
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND  0x43
#define PIT_LATCH_2  0x80
#define PIT_RATE_2   0xb4	/* channel 2, low byte then high byte, mode 2 */
#define SPEAKER_PORT 0x61
#define SPEAKER_GATE 0x01
#define SPEAKER_DATA 0x02

static bool pit_start(struct reference *ref)
{
	(void)ref;
	outb(SPEAKER_PORT, (inb(SPEAKER_PORT) & ~SPEAKER_DATA) | SPEAKER_GATE);
	outb(PIT_COMMAND, PIT_RATE_2);
	outb(PIT_CHANNEL2, 0);	/* 0 counts as 65536: it wraps like a 16-bit number */
	outb(PIT_CHANNEL2, 0);
	return true;
}

static u32 pit_read(void)
{
	outb(PIT_COMMAND, PIT_LATCH_2);
	u32 low = inb(PIT_CHANNEL2);
	return -(low | (u32)inb(PIT_CHANNEL2) << 8);	/* it counts down */
}

static struct reference references[] = {
	{ "HPET",     hpet_start,     hpet_read,     0xffffffff, 0 },
	{ "PM timer", pm_timer_start, pm_timer_read, 0x00ffffff, 3579545 },
	{ "PIT",      pit_start,      pit_read,      0x0000ffff, 1193182 },
};
/* For machines where the best one is wrong. */
static const char *const reference_options[] = { "hpet", "pm", "pit", NULL };
BOOT_OPTION(clock, BOOT_CHOICE, .choices = reference_options);
_Static_assert(ARRAY_SIZE(reference_options) == ARRAY_SIZE(references) + 1, "a name for each");

/* -- measuring ------------------------------------------------------------- */
#define WINDOW_HZ   100		/* a window lasts 1/100 s */
#define MAX_WINDOWS 4
/* How often a counter is read before it counts as stuck: a read takes from
 * 0.1 to some microseconds, a count less than one. */
#define STUCK_READS 20000
#define MAX_READS   2000000

struct moment {
	u64 tsc;	/* in the middle of reading ... */
	u32 count;	/* ... this */
	u32 slack;	/* cycles that the read took */
};

/* The quickest of a few reads: the others were disturbed, by an SMI or by an
 * emulator's host. */
static struct moment look(const struct reference *ref)
{
	struct moment best = { .slack = ~0u };
	for (u32 i = 0; i < 8; i++) {
		u64 before = rdtsc();
		u32 count = ref->read();
		u64 took = rdtsc() - before;
		if (took < best.slack)
			best = (struct moment){ before + took / 2, count, (u32)took };
	}
	return best;
}

/* Waits until `ticks` have passed. False when the clock stands still. */
static bool wait_ticks(const struct reference *ref, u32 start, u32 ticks)
{
	u32 last = start, same = 0;
	for (u32 reads = 0; reads < MAX_READS && same < STUCK_READS; reads++) {
		u32 now = ref->read();
		if (((now - start) & ref->mask) >= ticks)
			return true;
		same = now == last ? same + 1 : 0;
		last = now;
		cpu_relax();
	}
	return false;
}

/* One window: the TSC's rate in kHz (0: no luck), and how uncertain it is, in
 * parts per million. */
static u32 measure(const struct reference *ref, u32 *ppm)
{
	struct moment a = look(ref);
	if (!wait_ticks(ref, a.count, ref->hz / WINDOW_HZ))
		return 0;
	struct moment b = look(ref);
	u32 ticks = (b.count - a.count) & ref->mask;
	u64 cycles = b.tsc - a.tsc;
	if (!ticks || cycles >> 32)
		return 0;
	/* The counter's own step counts too: a count may just be over. */
	*ppm = (u32)div_u64((u64)(a.slack + b.slack) * 1000000, (u32)cycles) + 1000000 / ticks;
	/* cycles < 2^32 and hz <= 2^30: this does not overflow. */
	return (u32)div_u64(div_u64(cycles * ref->hz, ticks), 1000);
}

/* Up to some windows; content with the first one better than 0.05 %. */
static bool calibrate(const struct reference *ref)
{
	u32 best = ~0u;
	for (u32 i = 0; i < MAX_WINDOWS && best > 500; i++) {
		u32 ppm, rate = measure(ref, &ppm);
		if (rate >= 1000 && ppm < best) {
			best = ppm;
			khz = rate;
		}
	}
	return khz != 0;
}

/* NULL: none is asked for. */
static const struct reference *wanted(void)
{
	return clock.given ? &references[clock.number] : NULL;
}

#define CPUID_POWER 0x80000007u

/* A TSC whose rate follows the CPU's has no rate to be measured (SDM vol. 3, 17.17.1). An
 * emulated one does not say so, and is steady. */
static void check_invariant(void)
{
	bool steady = cpu_is_emulated() ||
	              (cpuid(0x80000000, 0).eax >= CPUID_POWER && (cpuid(CPUID_POWER, 0).edx & 1u << 8));

	if (!steady)
		printk("clock: this CPU does not promise that its TSC is steady; times may be wrong\n");
}

void clock_init(void)
{
	const struct reference *only = wanted();

	check_invariant();
	for (struct reference *r = references; r < references + ARRAY_SIZE(references); r++) {
		if ((only && r != only) || !r->start(r))
			continue;
		if (calibrate(r)) {
			mult = (u32)div_u64(1000000ull << SHIFT, khz);
			tsc_base = rdtsc();
			if (only)
				printk("clock: by the %s the TSC runs at %u kHz\n", r->name, khz);
			return;
		}
		printk("clock: the %s does not count\n", r->name);
	}
	panic("no clock to measure the TSC by: %s",
	      only ? "leave out clock= on the command line" : "HPET, PM timer and PIT are missing or stand still");
}

/* Before calibration: port 0x80 takes about a microsecond on every PC. */
static void delay_by_port(u32 us)
{
	while (us--)
		outb(0x80, 0);
}

void delay_us(u32 us)
{
	if (!mult) {
		delay_by_port(us);
		return;
	}
	u64 end = clock_ns() + us * NSEC_PER_USEC;
	while (!clock_passed(end))
		cpu_relax();
}
