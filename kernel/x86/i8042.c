/* The keyboard and its controller. IBM PS/2 Hardware Interface Technical Reference: "Keyboard and
 * Auxiliary Device Controller" (the chip), "Keyboards (101- and 102-Key)" (the other end of the wire).
 *
 * What the firmware leaves is not relied upon: a fast boot skips the chip, or a driver for USB keyboards
 * plays one and leaves translation off. So the chip is tested and set up, and whether there is a
 * keyboard is asked of the keyboard. */
#include "x86/i8042.h"
#include "lib/errno.h"
#include "x86/cpu.h"

#define DATA    0x60
#define STATUS  0x64
#define COMMAND 0x64

#define STATUS_OUTPUT 0x01	/* a byte for us */
#define STATUS_INPUT  0x02	/* busy with a byte of ours */
#define STATUS_MOUSE  0x20	/* the byte is the mouse's */

#define CMD_READ_CONFIG  0x20
#define CMD_WRITE_CONFIG 0x60
#define CMD_MOUSE_OFF    0xa7
#define CMD_SELF_TEST    0xaa
#define CMD_KBD_OFF      0xad
#define CMD_KBD_ON       0xae
#define CONFIG_KBD_IRQ   0x01
#define CONFIG_MOUSE_IRQ 0x02
#define CONFIG_TESTED    0x04	/* "system flag": the firmware's tests are over */
#define CONFIG_KBD_OFF   0x10
#define CONFIG_MOUSE_OFF 0x20
#define CONFIG_TRANSLATE 0x40

#define KBD_ENABLE       0xf4	/* to the keyboard: start scanning */
#define KBD_RESET        0xff
#define KBD_ACK          0xfa	/* from it */
#define KBD_RESEND       0xfe	/* ... or from the chip, where nothing took the byte off the wire */

/* Reads of the status, each about a microsecond on a PC: an access to the bus of the chip. */
#define PATIENCE         50000u		/* the chip takes a byte, the keyboard acknowledges one */
#define TEST_PATIENCE    500000u	/* the chip tests itself */
#define RESET_PATIENCE   1000000u	/* the keyboard does: 0.3 to 0.5 s, 0.75 s at most */

static bool present;		/* fixed after init */

static bool wait_status(u8 bit, bool set, u32 patience)
{
	for (u32 i = 0; i < patience; i++) {
		if (!!(inb(STATUS) & bit) == set)
			return true;
		cpu_relax();
	}
	return false;
}

static bool send(u16 port, u8 byte)
{
	if (!wait_status(STATUS_INPUT, false, PATIENCE))
		return false;
	outb(port, byte);
	return true;
}

/* The next byte, of the keyboard or the chip; -EAGAIN: none comes. */
static int receive(u32 patience)
{
	while (wait_status(STATUS_OUTPUT, true, patience)) {
		u8 status = inb(STATUS), byte = inb(DATA);
		if (!(status & STATUS_MOUSE))
			return byte;
	}
	return -EAGAIN;
}

static void drop_output(void)
{
	for (u32 i = 0; i < 16 && (inb(STATUS) & STATUS_OUTPUT); i++)
		inb(DATA);
}

/* -- the chip ------------------------------------------------------------------------ */

/* Both devices are held back, the mouse for ever: what they send would be taken for the chip's answer. */
static bool hold_devices(void)
{
	if (!send(COMMAND, CMD_KBD_OFF) || !send(COMMAND, CMD_MOUSE_OFF))
		return false;
	drop_output();
	return true;
}

/* Wakes a chip that the firmware has not touched: some take no other command before. It may lose its
 * configuration, and open both ports again. One that does not pass (0x55) is used all the same: the
 * keyboard's answer decides. */
static bool self_test(void)
{
	if (!send(COMMAND, CMD_SELF_TEST))
		return false;
	(void)receive(TEST_PATIENCE);
	return hold_devices();
}

static bool configure(void)
{
	int config;

	if (!send(COMMAND, CMD_READ_CONFIG))
		return false;
	config = receive(PATIENCE);
	if (config < 0)
		return false;
	config = (config | CONFIG_TRANSLATE | CONFIG_MOUSE_OFF | CONFIG_TESTED) &
	         ~(CONFIG_KBD_IRQ | CONFIG_MOUSE_IRQ | CONFIG_KBD_OFF);
	return send(COMMAND, CMD_WRITE_CONFIG) && send(DATA, (u8)config) && send(COMMAND, CMD_KBD_ON);
}

static bool chip_init(void)
{
	if (inb(STATUS) == 0xff)	/* no chip: nothing drives the bus */
		return false;
	(void)hold_devices();
	return self_test() && configure();
}

/* -- the keyboard -------------------------------------------------------------------- */

/* Is a command acknowledged? Keys that are pressed meanwhile come before the answer. */
static bool acknowledged(void)
{
	int byte = receive(PATIENCE);

	for (u32 i = 0; i < 16 && byte >= 0 && byte != KBD_ACK && byte != KBD_RESEND; i++)
		byte = receive(PATIENCE);
	return byte == KBD_ACK;
}

/* A command that was garbled on the wire is asked for again. */
static bool command(u8 byte)
{
	for (u32 i = 0; i < 3; i++) {
		if (!send(DATA, byte))
			return false;
		if (acknowledged())
			return true;
	}
	return false;
}

/* Its defaults come back: scan code set 2, which the chip translates, no keys held, scanning on. One that
 * acknowledges is there, even if no result of its test follows (what firmware plays leaves that out). */
static bool keyboard_init(void)
{
	if (!command(KBD_RESET))
		return false;
	(void)receive(RESET_PATIENCE);
	(void)command(KBD_ENABLE);
	drop_output();
	return true;
}

bool i8042_init(void)
{
	return present = chip_init() && keyboard_init();
}

bool i8042_present(void) { return present; }
bool i8042_ready(void)   { return present && (inb(STATUS) & STATUS_OUTPUT); }

int i8042_read(void)
{
	while (present) {
		u8 status = inb(STATUS);
		if (!(status & STATUS_OUTPUT))
			break;
		u8 byte = inb(DATA);
		if (!(status & STATUS_MOUSE))
			return byte;
	}
	return -EAGAIN;
}
