/* A device whose interrupt line stays up until the device is served, driven from ring 3:
 * QEMU's `edu` (-device edu; registers: QEMU, docs/specs/edu). Each round:
 *
 *	device				kernel				this program
 *	line up
 *					masks the line,
 *					notifies
 *									hears of it; the line is
 *									up still: nothing more comes
 *									acknowledges the interrupt
 *					unmasks: the line is up,
 *					masks, notifies
 *									hears of it again
 *									serves the device
 *	line down
 *									acknowledges
 *					unmasks: silence
 *
 * Prints how many it heard of. Status 1: one came that should not have, or none did;
 * ENODEV: no such device. To be started with `start -a ports,irq,phys level`. */
#include "lib/errno.h"
#include "lib/port.h"
#include "user/lib/ipc.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"

#define PCI_CONFIG  0xcf8u		/* PCI Local Bus 3.0, 3.2.2.3.2: address, data at + 4 */
#define PCI_ID      0x00u
#define PCI_COMMAND 0x04u
#define PCI_BAR0    0x10u
#define PCI_LINE    0x3cu
#define COMMAND_MEMORY 2u
#define EDU_ID      0x11e81234u

#define EDU_STATUS  (0x24 / 4)		/* which interrupts are raised; 0: the line is down */
#define EDU_RAISE   (0x60 / 4)
#define EDU_SERVE   (0x64 / 4)

#define ROUNDS      20u
#define BIT_IRQ     1u
#define BIT_ALARM   2u
#define QUIET_US    2000u		/* a line that is up and not masked comes at once */
#define PATIENCE_US 10000000u

static u32 endpoint, irq, heard;
static volatile u32 *edu;

/* -- PCI ---------------------------------------------------------------------------- */

static void select(u32 slot, u32 offset) { outl(PCI_CONFIG, 0x80000000u | slot << 11 | offset); }

static u32 config(u32 slot, u32 offset)
{
	select(slot, offset);
	return inl(PCI_CONFIG + 4);
}

/* On bus 0; 32: there is none. */
static u32 find_edu(void)
{
	u32 slot = 0;

	while (slot < 32 && config(slot, PCI_ID) != EDU_ID)
		slot++;
	return slot;
}

static int map_registers(u32 at_phys)
{
	int memory = syscall(SYS_MEMORY_PHYS, HANDLE_KERNEL, at_phys >> 12, 1, 0);
	struct map_args args = { .memory = (u32)memory, .pages = 1, .rights = RIGHT_READ | RIGHT_WRITE };
	int at = memory < 0 ? memory : syscall(SYS_MAP, 0, address(&args), 0, 0);

	if (IS_ERR((void *)at))
		return at;
	edu = (volatile u32 *)at;
	return 0;
}

static int open_edu(void)
{
	int ports = syscall(SYS_PORTS, HANDLE_KERNEL, PCI_CONFIG, 8, 0);
	int err = ports < 0 ? ports : syscall(SYS_PORTS_ENABLE, (u32)ports, 0, 0, 0);

	if (err)
		return err;
	u32 slot = find_edu();
	if (slot == 32)
		return -ENODEV;
	u32 command = config(slot, PCI_COMMAND);
	select(slot, PCI_COMMAND);
	outl(PCI_CONFIG + 4, (command & 0xffff) | COMMAND_MEMORY);
	err = map_registers(config(slot, PCI_BAR0) & ~0xfu);
	if (err)
		return err;
	int line = syscall(SYS_IRQ, HANDLE_KERNEL, config(slot, PCI_LINE) & 0xff, 0, 0);
	if (line < 0)
		return line;
	irq = (u32)line;
	return syscall(SYS_IRQ_BIND, irq, endpoint, BIT_IRQ, 0);
}

/* -- interrupts ----------------------------------------------------------------------- */

/* What is heard of first; the alarm ends the wait. */
static u32 hear(u32 patience_us)
{
	u32 ebx = endpoint, bits = 0, w1 = 0, w2 = 0;

	if (ipc_alarm(endpoint, BIT_ALARM, patience_us) ||
	    syscall_words(SYS_RECEIVE, &ebx, &bits, &w1, &w2) != GOT_NOTIFICATION)
		return 0;
	heard += bits & BIT_IRQ;
	return bits;
}

static bool comes(void)     { return hear(PATIENCE_US) == BIT_IRQ; }
static bool is_quiet(void)  { return hear(QUIET_US) == BIT_ALARM; }
static bool acknowledge(void) { return syscall(SYS_IRQ_ACK, irq, 0, 0, 0) == 0; }

static int play_round(u32 bit)
{
	edu[EDU_RAISE] = bit;
	if (!comes() || edu[EDU_STATUS] != bit || !is_quiet())
		return 1;
	if (!acknowledge() || !comes() || !is_quiet())
		return 1;
	edu[EDU_SERVE] = bit;
	if (edu[EDU_STATUS] || !acknowledge() || !is_quiet())
		return 1;
	return 0;
}

PROGRAM_HELP("start -a ports,irq,phys level",
             "an interrupt line that stays up until its device is served, driven from ring 3; wants QEMU's -device edu");

int main(void)
{
	int err = endpoint_create();

	if (err < 0)
		return err;
	endpoint = (u32)err;
	err = open_edu();
	for (u32 i = 0; !err && i < ROUNDS; i++)
		err = play_round(1u << i);
	printf("level: %u interrupts%s%s\n", heard, err ? ": " : "",
	       err < 0 ? errno_name(err) : err ? "not as it should be" : "");
	return err;
}
