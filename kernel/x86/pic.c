/* The two 8259 interrupt controllers of a PC (Intel 8259A data sheet), only to
 * be rid of them. */
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/trap.h"

#define MASTER_COMMAND 0x20
#define MASTER_DATA    0x21
#define SLAVE_COMMAND  0xa0
#define SLAVE_DATA     0xa1

#define ICW1_INIT_ICW4 0x11
#define ICW3_SLAVE_ON_2 (1u << 2)
#define ICW3_SLAVE_ID   2
#define ICW4_8086      0x01

/* Old controllers need a moment between commands; port 0x80, the POST display,
 * takes about a microsecond and harms nobody. */
static void command(u16 port, u8 value)
{
	outb(port, value);
	outb(0x80, 0);
}

/* Masking is not enough: a line that goes away at the wrong moment still
 * raises IRQ 7 or 15, which by the BIOS's setting would look like an exception. */
void pic_disable(void)
{
	command(MASTER_COMMAND, ICW1_INIT_ICW4);
	command(SLAVE_COMMAND, ICW1_INIT_ICW4);
	command(MASTER_DATA, VECTOR_PIC_BASE);
	command(SLAVE_DATA, VECTOR_PIC_BASE + 8);
	command(MASTER_DATA, ICW3_SLAVE_ON_2);
	command(SLAVE_DATA, ICW3_SLAVE_ID);
	command(MASTER_DATA, ICW4_8086);
	command(SLAVE_DATA, ICW4_8086);
	command(MASTER_DATA, 0xff);
	command(SLAVE_DATA, 0xff);
}
