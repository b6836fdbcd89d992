/* I/O APICs: from interrupt lines to vectors (82093AA data sheet, 3.0). */
#include "lib/errno.h"
#include "x86/acpi.h"
#include "x86/apic.h"
#include "x86/console.h"
#include "x86/layout.h"
#include "x86/paging.h"
#include "x86/rawlock.h"

#define REG_SELECT  0		/* index of the register that the window shows */
#define REG_WINDOW  4		/* in u32 */
#define REG_VERSION 1
#define REG_REDIR(pin) (0x10 + 2 * (pin))

#define REDIR_ACTIVE_LOW (1u << 13)
#define REDIR_LEVEL      (1u << 15)
#define REDIR_MASKED     (1u << 16)

/* Fixed after ioapic_init(). */
static struct ioapic {
	volatile u32 *regs;
	u32 gsi_base, nr_pins;
} ioapics[ACPI_MAX_IOAPICS];
static u32 nr_ioapics;

/* Select and window are two accesses: one CPU at a time. Interrupt handlers
 * mask lines, so interrupts are off while it is held. */
static struct rawlock window_lock;

static u32 reg_read(const struct ioapic *io, u32 reg)
{
	io->regs[REG_SELECT] = reg;
	return io->regs[REG_WINDOW];
}

static void reg_write(const struct ioapic *io, u32 reg, u32 value)
{
	io->regs[REG_SELECT] = reg;
	io->regs[REG_WINDOW] = value;
}

static struct ioapic *ioapic_of(u32 gsi, u32 *pin)
{
	for (struct ioapic *io = ioapics; io < ioapics + nr_ioapics; io++) {
		*pin = gsi - io->gsi_base;
		if (*pin < io->nr_pins)
			return io;
	}
	return NULL;
}

static void add_ioapic(u32 addr, u32 gsi_base)
{
	struct ioapic *io = &ioapics[nr_ioapics];
	io->regs = fixmap(addr, PAGE_SIZE, MEMORY_DEVICE);
	if (!io->regs) {
		printk("ioapic: no room to map the one at %#x\n", addr);
		return;
	}
	u32 version = reg_read(io, REG_VERSION);
	if (version == 0xffffffffu) {
		printk("ioapic: nothing answers at %#x\n", addr);
		return;
	}
	io->gsi_base = gsi_base;
	io->nr_pins = (version >> 16 & 0xff) + 1;
	nr_ioapics++;
	for (u32 pin = 0; pin < io->nr_pins; pin++)
		reg_write(io, REG_REDIR(pin), REDIR_MASKED);
}

void ioapic_init(void)
{
	for (u32 i = 0; i < acpi.nr_ioapics; i++)
		add_ioapic(acpi.ioapic[i].addr, acpi.ioapic[i].gsi_base);
	if (!nr_ioapics)
		printk("ioapic: none; devices cannot interrupt\n");
}

u32 ioapic_nr_gsis(void)
{
	u32 end = 0;
	for (u32 i = 0; i < nr_ioapics; i++)
		end = MAX(end, ioapics[i].gsi_base + ioapics[i].nr_pins);
	return end;
}

u32 ioapic_isa_to_gsi(u8 irq)
{
	for (u32 i = 0; i < acpi.nr_overrides; i++)
		if (acpi.override[i].isa_irq == irq)
			return acpi.override[i].gsi;
	return irq;
}

/* An override says how its line signals; ISA lines are edge and active high,
 * all others level and active low, as on PCI. */
static u32 signalling(u32 gsi)
{
	for (u32 i = 0; i < acpi.nr_overrides; i++)
		if (acpi.override[i].gsi == gsi)
			return (acpi.override[i].active_low ? REDIR_ACTIVE_LOW : 0) |
			       (acpi.override[i].level ? REDIR_LEVEL : 0);
	return gsi < 16 ? 0 : REDIR_ACTIVE_LOW | REDIR_LEVEL;
}

int ioapic_route(u32 gsi, u8 vector, u32 apic_id)
{
	u32 pin;
	struct ioapic *io = ioapic_of(gsi, &pin);
	if (!io || apic_id > 0xfe)	/* the destination has 8 bits; 0xff is everybody */
		return -EINVAL;
	u32 flags = raw_lock(&window_lock);
	/* Mask first: between the two halves the entry is neither old nor new. */
	reg_write(io, REG_REDIR(pin), REDIR_MASKED);
	reg_write(io, REG_REDIR(pin) + 1, apic_id << 24);
	reg_write(io, REG_REDIR(pin), REDIR_MASKED | signalling(gsi) | vector);
	raw_unlock(&window_lock, flags);
	return 0;
}

static u32 redir_change(u32 gsi, u32 clear, u32 set)
{
	u32 pin;
	struct ioapic *io = ioapic_of(gsi, &pin);
	if (!io)
		return 0;
	u32 flags = raw_lock(&window_lock);
	u32 old = reg_read(io, REG_REDIR(pin));
	u32 new = (old & ~clear) | set;
	if (new != old)
		reg_write(io, REG_REDIR(pin), new);
	raw_unlock(&window_lock, flags);
	return new;
}

void ioapic_mask(u32 gsi)     { redir_change(gsi, 0, REDIR_MASKED); }
void ioapic_unmask(u32 gsi)   { redir_change(gsi, REDIR_MASKED, 0); }
bool ioapic_is_level(u32 gsi) { return redir_change(gsi, 0, 0) & REDIR_LEVEL; }
