/* 16550 UART (National Semiconductor PC16550D data sheet, section 8). */
#include "x86/serial.h"
#include "lib/errno.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/rawlock.h"

#define PORT SERIAL_CONSOLE_PORT
#define DATA (PORT + 0)		/* RBR, THR; divisor low with DLAB */
#define IER  (PORT + 1)		/* divisor high with DLAB */
#define IIR  (PORT + 2)
#define FCR  (PORT + 2)
#define LCR  (PORT + 3)
#define MCR  (PORT + 4)
#define LSR  (PORT + 5)
#define SCR  (PORT + 7)

#define LCR_8N1       0x03
#define LCR_DLAB      0x80
#define FCR_ON_CLEAR  0xc7	/* enable, clear both, receive trigger 14 */
#define IIR_FIFO      0xc0	/* both set: a 16550A, whose FIFOs work */
#define FIFO_DEPTH    16
#define MCR_ON        0x0b	/* DTR, RTS, OUT2 */
#define MCR_RTS       0x02
#define MCR_LOOP      0x10
#define LSR_DR        0x01	/* a character has arrived */
#define LSR_OVERRUN   0x02	/* and a later one found no room; a read of LSR clears this */
#define LSR_THRE      0x20	/* the transmit FIFO is empty */
#define LSR_TEMT      0x40	/* and the shift register too */
#define DIVISOR       1		/* 115200 baud */

/* Reads of a status register; one takes about a microsecond on the ISA bus. */
#define PATIENCE      1000000

/* Fixed after serial_init(). */
static bool present;
static u32 fifo_depth = 1;

/* Under lock. */
static struct rawlock lock;
static u32 room;		/* what the transmit FIFO still takes */
static bool stuck;		/* it did not drain in time: do not wait again */
static bool overrun;		/* seen, not yet told */
static bool held_off;		/* RTS is low */
static u32 driver_visits;

/* Each read clears the overrun bit, also those of the sender, which has no use for it. */
static u8 line_status(void)
{
	u8 status = inb(LSR);

	if (status & LSR_OVERRUN)
		WRITE_ONCE(overrun, true);
	return status;
}

static bool wait_status(u8 bit, u32 tries)
{
	while (tries--) {
		if (line_status() & bit)
			return true;
		cpu_relax();
	}
	return false;
}

/* A zero byte, so that an emulator without loopback prints nothing. A bus with
 * nobody on it reads as all ones. */
static bool loopback_works(void)
{
	outb(MCR, MCR_LOOP | MCR_ON);
	outb(DATA, 0);
	bool ok = wait_status(LSR_DR, PATIENCE / 100) && inb(DATA) == 0;
	outb(MCR, MCR_ON);
	return ok;
}

static bool scratch_works(void)
{
	outb(SCR, 0x5a);
	return inb(SCR) == 0x5a;
}

bool serial_init(void)
{
	if (inb(LSR) == 0xff)
		return false;
	wait_status(LSR_TEMT, PATIENCE / 10);	/* the loader's last words */
	outb(IER, 0);
	outb(LCR, LCR_DLAB | LCR_8N1);
	outb(DATA, DIVISOR & 0xff);
	outb(IER, DIVISOR >> 8);
	outb(LCR, LCR_8N1);
	outb(FCR, FCR_ON_CLEAR);
	if ((inb(IIR) & IIR_FIFO) == IIR_FIFO)
		fifo_depth = FIFO_DEPTH;
	overrun = false;		/* of what was meant for the loader */
	return present = loopback_works() || scratch_works();
}

bool serial_present(void) { return present; }

/* Caller holds lock. */
static void send(char c)
{
	if (!room) {
		stuck = !wait_status(LSR_THRE, stuck ? 1 : PATIENCE);
		room = fifo_depth;
	}
	outb(DATA, (u8)c);
	room--;
}

void serial_write(const char *text, u32 len)
{
	if (!present)
		return;
	u32 flags = raw_lock(&lock);
	room = 0;		/* a driver may have filled the FIFO */
	for (u32 i = 0; i < len; i++) {
		if (text[i] == '\n')
			send('\r');
		send(text[i]);
	}
	raw_unlock(&lock, flags);
}

void serial_drain(void)
{
	if (present)
		wait_status(LSR_TEMT, PATIENCE);
}

bool serial_ready(void) { return present && (line_status() & LSR_DR); }

bool serial_overran(void)
{
	bool seen = overrun;

	overrun = false;
	return seen;
}

int serial_read(void)
{
	u32 flags = raw_lock(&lock);
	bool ready = serial_ready();
	int c = serial_overran() ? -EIO : ready ? inb(DATA) : -EAGAIN;

	raw_unlock(&lock, flags);
	return c;
}

void serial_hold_off(bool on)
{
	u32 flags = raw_lock(&lock);

	if (on != held_off)
		outb(MCR, on ? MCR_ON & ~MCR_RTS : MCR_ON);
	held_off = on;
	raw_unlock(&lock, flags);
}

u32 serial_lock(void)
{
	u32 flags = raw_lock(&lock);

	WRITE_ONCE(driver_visits, driver_visits + 1);
	return flags;
}

void serial_unlock(u32 flags)    { raw_unlock(&lock, flags); }
u32  serial_driver_visits(void)  { return READ_ONCE(driver_visits); }
