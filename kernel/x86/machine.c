#include "x86/machine.h"
#include "x86/acpi.h"
#include "x86/console.h"
#include "x86/cpu.h"

/* QEMU, -device isa-debug-exit,iobase=0xf4: ends it with 2 * value + 1
 * (docs/specs of QEMU; hw/misc/debugexit.c). On a PC nobody decodes 0xf4. */
#define DEBUG_EXIT_PORT 0xf4

/* Where a PIIX4 has PM1a_CNT by default: with SLP_EN set, that is S5 in QEMU
 * (0x604) and Bochs (0xb004), which give SLP_TYP 0 that meaning. */
#define PM1A_CNT_QEMU   0x604
#define PM1A_CNT_BOCHS  0xb004
#define SLP_EN          (1u << 13)	/* ACPI 6.4, 4.8.3.2.1 */

#define I8042_STATUS    0x64
#define I8042_COMMAND   0x64
#define I8042_BUSY      0x02
#define I8042_PULSE_RESET 0xfe

/* ACPI 6.4, 4.8.3.6: address spaces of the reset register. */
#define ACPI_SPACE_IO   1

static void halt_for_good(void) noreturn;
static void halt_for_good(void)
{
	for (;;) {
		irq_disable();
		halt();
	}
}

/* The hardware takes a while to react; a port read takes about a microsecond,
 * with or without a calibrated clock. */
static void wait_a_little(void)
{
	for (u32 i = 0; i < 50000; i++)
		inb(I8042_STATUS);
}

void machine_poweroff(u32 status)
{
	printk("quiesce: exit status %u\n", status);
	console_flush();
	outl(DEBUG_EXIT_PORT, status);
	acpi_poweroff();
	wait_a_little();
	outw(PM1A_CNT_QEMU, SLP_EN);
	outw(PM1A_CNT_BOCHS, SLP_EN);
	wait_a_little();
	printk("It is now safe to turn off this computer.\n");
	console_flush();
	halt_for_good();
}

static void acpi_reset(void)
{
	if (acpi.has_reset && acpi.reset_space == ACPI_SPACE_IO)
		outb((u16)acpi.reset_addr, acpi.reset_value);
}

static void keyboard_controller_reset(void)
{
	for (u32 i = 0; i < 10000 && (inb(I8042_STATUS) & I8042_BUSY); i++)
		cpu_relax();
	outb(I8042_COMMAND, I8042_PULSE_RESET);
}

/* With no IDT the exception cannot be delivered, nor can the double fault. */
static void triple_fault(void)
{
	struct { u16 limit; u32 base; } packed none = { 0, 0 };

	__asm__ volatile("lidt %0; int3" :: "m"(none));
}

void machine_reboot(void)
{
	printk("quiesce: reboot\n");
	console_flush();
	irq_disable();
	acpi_reset();
	wait_a_little();
	keyboard_controller_reset();
	wait_a_little();
	triple_fault();
	halt_for_good();
}
