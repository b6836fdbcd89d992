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

#define NOTHING_THERE   0xff	/* no device answers on the bus */

/* Reset Control Register of Intel's chip sets since the PIIX3 (ICH9 data sheet, 13.7.5), and of those that
 * are compatible. */
#define RESET_CONTROL   0xcf9
#define SYSTEM_RESET    0x02
#define RESET_CPU       0x04

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

/* Ports that mean power-off in two emulators, whatever their tables say. A PC may have anything there. */
static void emulator_poweroff(void)
{
	if (!cpu_is_emulated())
		return;
	outw(PM1A_CNT_QEMU, SLP_EN);
	outw(PM1A_CNT_BOCHS, SLP_EN);
	wait_a_little();
}

void machine_poweroff(u32 status)
{
	printk("quiesce: exit status %u\n", status);
	console_flush();
	outl(DEBUG_EXIT_PORT, status);
	const char *why = acpi_poweroff();
	wait_a_little();
	emulator_poweroff();
	printk("power-off: %s\nIt is now safe to turn off this computer.\n", why);
	console_flush();
	halt_for_good();
}

static void say(const char *how)
{
	printk("reboot: %s\n", how);
	console_flush();
}

/* An empty port reads as busy for ever. */
static void keyboard_controller_reset(void)
{
	if (inb(I8042_STATUS) == NOTHING_THERE)
		return;
	say("by the keyboard controller");
	for (u32 i = 0; i < 10000 && (inb(I8042_STATUS) & I8042_BUSY); i++)
		cpu_relax();
	outb(I8042_COMMAND, I8042_PULSE_RESET);
}

/* The reset begins when RESET_CPU goes from 0 to 1. */
static void chip_set_reset(void)
{
	say("by the chip set's reset control register at I/O 0xcf9");
	outb(RESET_CONTROL, SYSTEM_RESET);
	outb(RESET_CONTROL, SYSTEM_RESET | RESET_CPU);
}

/* With no IDT the exception cannot be delivered, nor can the double fault. */
static void triple_fault(void)
{
	struct { u16 limit; u32 base; } packed none = { 0, 0 };

	say("by a triple fault");
	__asm__ volatile("lidt %0; int3" :: "m"(none));
}

/* First what the firmware names; then what every PC has had since the AT; last what every CPU has. */
void machine_reboot(void)
{
	static void (*const ways[])(void) = { acpi_reset, keyboard_controller_reset, chip_set_reset };

	printk("quiesce: reboot\n");
	console_flush();
	irq_disable();
	for (u32 i = 0; i < ARRAY_SIZE(ways); i++) {
		ways[i]();
		wait_a_little();
	}
	triple_fault();
	halt_for_good();
}
