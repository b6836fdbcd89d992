/* Waking the other CPUs, one after another.
 *
 * A CPU that is slow must not be mistaken for one that is dead, nor come to
 * life after it was given up. Each attempt has a ticket in the trampoline's
 * page, and every step of it is a compare-and-exchange:
 *
 *	OPEN --new CPU, in real mode--> CLAIMED --new CPU, in C--> ONLINE
 *	  |                                |
 *	  +--------- boot CPU -------------+--> WITHDRAWN
 *
 *	boot CPU			CPU that comes too late
 *	no sign for a second
 *	OPEN -> WITHDRAWN
 *	names it, goes on
 *					wakes up in the trampoline
 *					OPEN -> CLAIMED fails: halts for good
 *
 * After a failure the page is left as it is, for that CPU to find, and the
 * next attempt takes another one. */
#include "smp/bringup.h"
#include "lib/boot_option.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "smp/machine_check.h"
#include "x86/acpi.h"
#include "x86/apic.h"
#include "x86/atomic.h"
#include "x86/bootinfo.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/machine.h"
#include "x86/paging.h"
#include "x86/panic.h"
#include "x86/trap.h"

#define INIT_DELAY_US    10000	/* SDM vol. 3, 8.4.4.1, example 8-1 */
#define STARTUP_DELAY_US 200
#define PATIENCE_NS      NSEC_PER_SEC

enum { TICKET_WITHDRAWN, TICKET_OPEN, TICKET_CLAIMED, TICKET_ONLINE };

/* The beginning of the page; see boot/trampoline.asm. */
struct trampoline {
	u32 jump;		/* over these words */
	u32 ticket;		/* atomic */
	u32 base, cr3, cr4, efer, cr0, stack;
	void (*entry)(struct cpu *c, u32 *ticket, void (*run)(void));
	struct cpu *arg_cpu;
	u32 *arg_ticket;
	void (*arg_run)(void);
};
extern const u8 trampoline_start[], trampoline_end[];

/* -- on the new CPU --------------------------------------------------------- */
static void halt_for_good(void) noreturn;
static void halt_for_good(void)
{
	for (;;) {
		irq_disable();
		halt();
	}
}

/* Interrupts off, on the new CPU's own stack, with paging. */
static void new_cpu(struct cpu *c, u32 *ticket, void (*run)(void))
{
	c->tsc_at_start = rdtsc();
	descriptors_load(&c->hw, c);
	trap_load();
	paging_enable_protections();	/* and the kernel's own map */
	lapic_enable();
	machine_check_enable();
	c1e_disable();
	if (atomic_cmpxchg(ticket, (u32)TICKET_CLAIMED, (u32)TICKET_ONLINE))
		run();
	halt_for_good();
}

/* -- low memory --------------------------------------------------------------- */
/* SIPI names one of the first 256 pages. Page 0 and a few more hold what the
 * BIOS left; above 640 KiB there is no memory. */
#define FIRST_LOW_PAGE 0x8000
#define LOW_MEMORY_END 0xa0000

static bool low_page_is_free(u32 page)
{
	bool usable = false;
	for (u32 i = 0; i < boot_info.nr_regions; i++) {
		const struct boot_region *r = &boot_info.region[i];
		bool within = r->start <= page && page + PAGE_SIZE <= r->start + r->len;
		bool touched = r->start < page + PAGE_SIZE && page < r->start + r->len;
		if (!r->usable && touched)	/* ranges of a map may overlap */
			return false;
		usable |= within;
	}
	for (u32 i = 0; i < boot_info.nr_modules; i++)
		if (boot_info.module[i].start < page + PAGE_SIZE && page < boot_info.module[i].end)
			return false;
	return usable;
}

/* The next page that no CPU has been sent to in vain; 0 when there is none. */
static u32 next_low_page(u32 page)
{
	for (; page < LOW_MEMORY_END; page += PAGE_SIZE)
		if (low_page_is_free(page))
			return page;
	return 0;
}

static struct trampoline *fill_page(u32 page, struct cpu *c, u32 stack, void (*run)(void))
{
	struct trampoline *t = phys_to_virt(page);
	memcpy(t, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	t->base = page;
	t->cr3 = paging_trampoline_cr3();
	/* Global pages only once paging is on (SDM vol. 3, 4.10.2.4): with the
	 * other protections, by paging_enable_protections(). */
	t->cr4 = read_cr4() & (CR4_PAE | CR4_PSE);
	t->efer = paging_has_nx() ? EFER_NXE : 0;
	t->cr0 = read_cr0();
	t->stack = stack;
	t->entry = new_cpu;
	t->arg_cpu = c;
	t->arg_ticket = &t->ticket;
	t->arg_run = run;
	store_release(&t->ticket, (u32)TICKET_OPEN);
	return t;
}

/* -- on the boot CPU ---------------------------------------------------------- */
/* Waits until the ticket is at least `state`; false when the time is over. */
static bool ticket_reaches(const struct trampoline *t, u32 state, u64 ns)
{
	u64 deadline = clock_ns() + ns;
	while (load_acquire(&t->ticket) < state) {
		if (clock_passed(deadline))
			return false;
		cpu_relax();
	}
	return true;
}

/* Sends the CPU to the page and waits for it. 0, or -ETIMEDOUT (never came),
 * -EIO (came, but did not get through). */
static int start_at(u32 apic_id, struct trampoline *t)
{
	u8 vector = (u8)(t->base >> PAGE_SHIFT);
	lapic_send_startup(apic_id, vector);
	if (!ticket_reaches(t, TICKET_CLAIMED, STARTUP_DELAY_US * NSEC_PER_USEC))
		lapic_send_startup(apic_id, vector);	/* only old CPUs need a second one */
	if (ticket_reaches(t, TICKET_ONLINE, PATIENCE_NS))
		return 0;
	if (atomic_cmpxchg(&t->ticket, (u32)TICKET_OPEN, (u32)TICKET_WITHDRAWN))
		return -ETIMEDOUT;
	if (atomic_cmpxchg(&t->ticket, (u32)TICKET_CLAIMED, (u32)TICKET_WITHDRAWN))
		return -EIO;
	return 0;		/* it came online just then */
}

/* Cause comes before effect: the new CPU read its TSC after it was sent for and
 * before it was seen online. If its TSC says otherwise, times taken on different
 * CPUs cannot be compared on this machine. */
static void check_tsc(const struct cpu *c, u64 sent)
{
	u64 seen = rdtsc();
	if (c->tsc_at_start < sent || c->tsc_at_start > seen)
		printk("smp: the clock of CPU %u is not in step with that of CPU 0: it said %llu "
		       "between %llu and %llu\n", c->id, c->tsc_at_start, sent, seen);
}

/* After a failure, stack and area stay with the CPU that did not come: it may
 * be on its way through them, and they are never given to another. */
static int start_cpu(struct cpu *c, u32 page, u32 stack, void (*run)(void))
{
	cpus[c->id] = c;
	u64 sent = rdtsc();
	int err = start_at(c->apic_id, fill_page(page, c, stack, run));
	if (err) {
		cpus[c->id] = NULL;
		printk("smp: the CPU with APIC ID %u %s within a second; going on without it\n",
		       c->apic_id, err == -ETIMEDOUT ? "did not start" : "started but was not ready");
		return err;
	}
	check_tsc(c, sent);
	/* From here on others may call it; it answers when `run` turns interrupts
	 * on. It has missed no TLB shootdown: only this CPU changes mappings yet. */
	nr_cpus++;
	cpus_online |= CPU_BIT(c->id);
	return 0;
}

BOOT_OPTION(maxcpus, BOOT_NUMBER, .min = 1, .max = NR_CPUS);

static u32 cpu_limit(void)
{
	return maxcpus.given ? maxcpus.number : NR_CPUS;
}

static struct cpu *new_area(struct cpu *(*alloc_cpu)(void), u32 apic_id)
{
	struct cpu *c = alloc_cpu();
	if (!c)
		return NULL;
	ASSERT(((u32)c & (__alignof__(struct cpu) - 1)) == 0);
	c->self = c;
	c->id = nr_cpus;
	c->apic_id = apic_id;
	return c;
}

static void start_all(u32 nr, struct cpu *(*alloc_cpu)(void), u32 (*alloc_stack)(struct cpu *c),
                      void (*run)(void))
{
	u32 page = next_low_page(FIRST_LOW_PAGE);
	for (u32 i = 1; i < nr; i++) {
		if (!page) {
			printk("smp: no free page below 640 KiB to start a CPU from\n");
			return;
		}
		struct cpu *c = new_area(alloc_cpu, acpi.apic_id[i]);
		u32 stack = c ? alloc_stack(c) : 0;
		if (!stack) {
			printk("smp: no memory for CPU %u and those after it\n", i);
			return;
		}
		if (start_cpu(c, page, stack, run) != 0)
			page = next_low_page(page + PAGE_SIZE);
	}
}

/* All wait for their SIPI at once, so that the long delay passes only once. */
static void init_all(u32 nr)
{
	for (u32 i = 1; i < nr; i++)
		lapic_send_init(acpi.apic_id[i]);
	delay_us(INIT_DELAY_US);
}

u32 smp_start_cpus(struct cpu *(*alloc_cpu)(void), u32 (*alloc_stack)(struct cpu *c),
                   void (*entry)(void))
{
	u32 nr = MIN(acpi.nr_cpus, cpu_limit());
	if (nr < 2)
		return nr_cpus;
	init_all(nr);
	start_all(nr, alloc_cpu, alloc_stack, entry);
	return nr_cpus;
}
