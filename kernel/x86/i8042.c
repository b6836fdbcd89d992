/* IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary
 * Device Controller". */
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
#define CMD_KBD_OFF      0xad
#define CMD_KBD_ON       0xae
#define CONFIG_KBD_IRQ   0x01
#define CONFIG_MOUSE_IRQ 0x02
#define CONFIG_KBD_OFF   0x10
#define CONFIG_MOUSE_OFF 0x20
#define CONFIG_TRANSLATE 0x40
#define KBD_ENABLE       0xf4	/* to the keyboard: start scanning */

#define PATIENCE 20000		/* reads of the status, a microsecond each */

static bool present;		/* fixed after init */

static bool wait_status(u8 bit, bool set)
{
	for (u32 i = 0; i < PATIENCE; i++) {
		if (!!(inb(STATUS) & bit) == set)
			return true;
		cpu_relax();
	}
	return false;
}

static bool send(u16 port, u8 byte)
{
	if (!wait_status(STATUS_INPUT, false))
		return false;
	outb(port, byte);
	return true;
}

static void drop_output(void)
{
	for (u32 i = 0; i < 16 && (inb(STATUS) & STATUS_OUTPUT); i++)
		inb(DATA);
}

/* Firmware that found no use for the keyboard leaves translation off. Both devices are held
 * back meanwhile, the mouse for good: what they send would be taken for the answer. */
static bool configure(void)
{
	if (!send(COMMAND, CMD_KBD_OFF) || !send(COMMAND, CMD_MOUSE_OFF))
		return false;
	drop_output();
	if (!send(COMMAND, CMD_READ_CONFIG) || !wait_status(STATUS_OUTPUT, true))
		return false;
	u8 config = inb(DATA);
	config = (config | CONFIG_TRANSLATE | CONFIG_MOUSE_OFF) &
	         ~(CONFIG_KBD_IRQ | CONFIG_MOUSE_IRQ | CONFIG_KBD_OFF);
	return send(COMMAND, CMD_WRITE_CONFIG) && send(DATA, config) && send(COMMAND, CMD_KBD_ON);
}

bool i8042_init(void)
{
	if (inb(STATUS) == 0xff || !configure())
		return present = false;
	if (send(DATA, KBD_ENABLE))
		wait_status(STATUS_OUTPUT, true);
	drop_output();		/* the keyboard's acknowledgement */
	return present = true;
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
