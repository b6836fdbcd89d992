/* The 16550 serial port, driven by interrupts in both directions (National
 * Semiconductor PC16550D data sheet, section 8).
 *
 *     insmod uart                       COM1; the prompt's input comes by interrupt
 *     insmod uart port=0x2f8 irq=3      COM2
 *     dev write uart "hello"
 *
 * On the console's port two share the transmitter: printk, which polls, and
 * this driver's interrupt handler. serial_lock() keeps them apart, and three
 * facts of the chip let them coexist:
 *   - the handler writes only after it has seen THRE set under the lock, so
 *     what printk put into the FIFO is never overwritten;
 *   - printk's write to THR withdraws a pending THRE interrupt, but the chip
 *     raises it again once the FIFO has run empty, so none is lost;
 *   - printk leaves IER alone.
 */
#include "module/api.h"
#include "modules/ioctl.h"

static u32 port = SERIAL_CONSOLE_PORT;
module_param(port, uint);
static u32 irq = 4;
module_param(irq, uint);

enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, SCR = 7 };

#define IER_RECEIVE   0x01
#define IER_TRANSMIT  0x02
#define IER_LINE      0x04
#define IIR_NONE      0x01	/* nothing pending (the bit is inverted) */
#define FCR_ON        0x81	/* FIFOs on, contents kept, interrupt at 8 received */
#define LCR_8N1       0x03
#define LCR_DLAB      0x80
#define MCR_ON        0x0b	/* DTR, RTS, and OUT2, which gates the interrupt */
#define MCR_LOOP      0x10
#define LSR_DR        0x01
#define LSR_OVERRUN   0x02
#define LSR_ERRORS    0x1c	/* parity, framing, break */
#define LSR_THRE      0x20
#define LSR_TEMT      0x40
#define IIR_FIFO      0xc0	/* both set: FIFOs that work */
#define FIFO_DEPTH    16
#define RING_SIZE     1024
#define BATCH         32
#define MAX_PASSES    256	/* of one interrupt: a broken chip must not hold a CPU */

/* Fixed after init. */
static bool on_console;
static u32 fifo_depth;		/* 1: an older chip, or one whose FIFOs do not work (8.6.4) */
static struct irq_action *action;
static struct chrdev *device;

/* Under lock_uart(). */
static struct spinlock lock = SPINLOCK_IRQ("uart", RANK_DEVICE);
static u8 rx_buf[RING_SIZE], tx_buf[RING_SIZE];
static struct ring rx = { .buf = rx_buf, .size = RING_SIZE };
static struct ring tx = { .buf = tx_buf, .size = RING_SIZE };
static u8 ier;			/* what the chip's register holds */
static bool echo_due;		/* see uart_interrupt() */
static struct file *grabber;	/* who gets what arrives on the console's port */
static u32 count[UART_NR_COUNTERS];

static struct wait_queue rx_wait = WAIT_QUEUE(rx_wait, "uart rx");
static struct wait_queue tx_wait = WAIT_QUEUE(tx_wait, "uart tx");

static u8   reg_read(u32 reg)            { return inb((u16)(port + reg)); }
static void reg_write(u32 reg, u8 value) { outb((u16)(port + reg), value); }

static u32 lock_uart(void)
{
	return on_console ? serial_lock() : spin_lock_irqsave(&lock);
}

static void unlock_uart(u32 flags)
{
	if (on_console)
		serial_unlock(flags);
	else
		spin_unlock_irqrestore(&lock, flags);
}

static void set_ier(u8 value)
{
	ier = value;
	reg_write(IER, value);
}

/* -- interrupt ------------------------------------------------------------- */

/* Takes what has arrived. What is the console's goes to `batch`, to be handed
 * over without the lock. Returns how much that is. Caller holds the lock. */
static u32 receive(u8 batch[BATCH])
{
	u32 n = 0;
	u8 lsr;

	while (n < BATCH && ((lsr = reg_read(LSR)) & LSR_DR)) {
		u8 byte = reg_read(RBR);
		count[UART_RECEIVED]++;
		count[UART_LINE_ERRORS] += !!(lsr & LSR_ERRORS);
		if (on_console && !grabber)
			batch[n++] = byte;
		else if (!ring_put(&rx, byte))
			lsr |= LSR_OVERRUN;
		count[UART_OVERRUNS] += !!(lsr & LSR_OVERRUN);
	}
	return n;
}

/* Fills the transmit FIFO if it is empty. The last bytes go out with the
 * interrupt off: nobody waits for the end of them. Caller holds the lock. */
static void transmit(void)
{
	u8 byte;

	if (!(reg_read(LSR) & LSR_THRE))
		return;
	if (ring_used(&tx) <= fifo_depth && (ier & IER_TRANSMIT))
		set_ier(ier & ~IER_TRANSMIT);
	for (u32 room = fifo_depth; room && ring_get(&tx, &byte); room--) {
		reg_write(THR, byte);
		count[UART_SENT]++;
	}
}

/* One pass: serves what is pending, if anything is. `ours` becomes true when the
 * interrupt is this device's although nothing is: an edge that comes while its
 * cause is being served is delivered afterwards, and printk may have withdrawn
 * a THRE interrupt. */
static bool serve(bool first, bool *ours)
{
	u8 batch[BATCH];
	u32 n = 0, flags = lock_uart();
	bool pending = !(reg_read(IIR) & IIR_NONE);

	*ours |= pending || echo_due || (ier & IER_TRANSMIT);
	if (pending) {
		count[UART_INTERRUPTS]++;
		n = receive(batch);
		transmit();
		echo_due = true;
	} else if (first) {
		echo_due = false;
	}
	unlock_uart(flags);
	for (u32 i = 0; i < n; i++)
		console_input(batch[i]);
	return pending;
}

/* The line is edge triggered: another edge comes only after the chip was seen
 * with nothing pending, so the handler stays until then. */
static enum irq_result uart_interrupt(u32 line, void *arg)
{
	bool ours = false;
	u32 passes = 0;

	(void)line, (void)arg;
	while (passes < MAX_PASSES && serve(passes == 0, &ours))
		passes++;
	if (passes) {
		wake_all(&rx_wait);
		wake_all(&tx_wait);
	}
	return ours ? IRQ_HANDLED : IRQ_NONE;
}

/* -- device ----------------------------------------------------------------- */

static u32 take_received(u8 *buf, u32 len)
{
	u32 n = 0, flags = lock_uart();

	while (n < len && ring_get(&rx, &buf[n]))
		n++;
	unlock_uart(flags);
	return n;
}

static int uart_read(struct file *f, void *buf, u32 len)
{
	for (;;) {
		u32 n = take_received(buf, len);
		if (n || !len)
			return (int)n;
		if (f->flags & FILE_NONBLOCK)
			return -EAGAIN;
		int err = wait_event(&rx_wait, ring_used(&rx));
		if (err)
			return err;
	}
}

/* Enabling the interrupt raises it at once when the transmitter is idle. */
static u32 queue_to_send(const u8 *buf, u32 len)
{
	u32 n = 0, flags = lock_uart();

	while (n < len && ring_put(&tx, buf[n]))
		n++;
	if (n && !(ier & IER_TRANSMIT))
		set_ier(ier | IER_TRANSMIT);
	unlock_uart(flags);
	return n;
}

static int uart_write(struct file *f, const void *buf, u32 len)
{
	u32 done = 0;

	for (;;) {
		done += queue_to_send((const u8 *)buf + done, len - done);
		if (done == len)
			return (int)done;
		if (f->flags & FILE_NONBLOCK)
			return done ? (int)done : -EAGAIN;
		int err = wait_event(&tx_wait, ring_used(&tx) < RING_SIZE);
		if (err)
			return done ? (int)done : err;
	}
}

static int grab(struct file *f, bool on)
{
	u32 flags = lock_uart();
	int err = grabber && grabber != f ? -EBUSY : 0;

	if (!err)
		grabber = on ? f : NULL;
	unlock_uart(flags);
	return err;
}

static bool wait_lsr(u8 bits)
{
	u64 deadline = clock_ns() + 10 * NSEC_PER_MSEC;

	while ((reg_read(LSR) & bits) != bits) {
		if (clock_passed(deadline))
			return false;
		cpu_relax();
	}
	return true;
}

/* Caller holds the lock: nobody else may send, or what he sends is lost. */
static int self_test_locked(void)
{
	int err = 0;

	if (!wait_lsr(LSR_TEMT))
		return -EIO;
	reg_write(IER, 0);
	reg_write(MCR, MCR_ON | MCR_LOOP);
	while (reg_read(LSR) & LSR_DR)
		reg_read(RBR);
	for (u32 i = 0; i < 16 && !err; i++) {
		u8 byte = (u8)(0x5a ^ i * 17);
		reg_write(THR, byte);
		if (!wait_lsr(LSR_DR) || reg_read(RBR) != byte)
			err = -EIO;
	}
	reg_write(MCR, MCR_ON);
	reg_write(IER, ier);
	return err;
}

static int self_test(void)
{
	u32 flags = lock_uart();
	int err = self_test_locked();

	unlock_uart(flags);
	return err;
}

static int uart_ioctl(struct file *f, u32 cmd, u32 arg)
{
	switch (cmd) {
	case UART_GET_COUNT:
		return arg < UART_NR_COUNTERS ? (int)(READ_ONCE(count[arg]) & 0x7fffffff) : -EINVAL;
	case UART_GRAB:
		return grab(f, arg);
	case UART_SELF_TEST:
		return self_test();
	case UART_LOOPBACK:
		if (on_console)
			return -EBUSY;
		reg_write(MCR, arg ? MCR_ON | MCR_LOOP : MCR_ON);
		return 0;
	}
	return -ENOTTY;
}

static void uart_release(struct file *f)
{
	u32 flags = lock_uart();

	if (grabber == f)
		grabber = NULL;
	unlock_uart(flags);
}

static const struct chrdev_ops uart_ops = {
	.release = uart_release, .read = uart_read, .write = uart_write, .ioctl = uart_ioctl,
};

/* -- life ------------------------------------------------------------------- */

/* The scratch register keeps what it is given; a bus with nobody on it reads as
 * all ones. */
static bool __init uart_answers(void)
{
	reg_write(SCR, 0xa5);
	return reg_read(SCR) == 0xa5 && reg_read(LSR) != 0xff;
}

/* 115200 8N1, as the console set its own port. */
static void __init set_up_line(void)
{
	reg_write(IER, 0);
	if (!on_console) {
		reg_write(LCR, LCR_DLAB | LCR_8N1);
		reg_write(DLL, 1);
		reg_write(DLM, 0);
		reg_write(LCR, LCR_8N1);
	}
	reg_write(FCR, FCR_ON);
	fifo_depth = (reg_read(IIR) & IIR_FIFO) == IIR_FIFO ? FIFO_DEPTH : 1;
	reg_write(MCR, MCR_ON);
}

static int __init uart_init(void)
{
	int err;

	if (port > 0xfff8 || !uart_answers()) {
		printk("uart: no 16550 at port 0x%x\n", port);
		return -ENODEV;
	}
	on_console = port == SERIAL_CONSOLE_PORT;
	if (on_console) {
		err = console_claim(CONSOLE_SERIAL);
		if (err) {
			printk("uart: another driver has the console's port\n");
			return err;
		}
	}

	u32 flags = lock_uart();
	set_up_line();
	unlock_uart(flags);

	action = request_irq(irq, uart_interrupt, 0, "uart", NULL);
	if (IS_ERR(action)) {
		err = PTR_ERR(action);
		goto out_console;
	}
	device = chrdev_register("uart", &uart_ops, NULL);
	if (IS_ERR(device)) {
		err = PTR_ERR(device);
		goto out_irq;
	}

	flags = lock_uart();
	set_ier(IER_RECEIVE | IER_LINE);
	unlock_uart(flags);
	return 0;

out_irq:
	free_irq(action);
out_console:
	if (on_console)
		console_release(CONSOLE_SERIAL);
	return err;
}

/* What was accepted is sent; interrupts do not come any more, so by polling. */
static void __exit send_rest(void)
{
	bool moving = true;

	while (moving && ring_used(&tx)) {
		u32 flags = lock_uart();
		moving = wait_lsr(LSR_THRE);
		if (moving)
			transmit();
		unlock_uart(flags);
	}
}

static void __exit uart_exit(void)
{
	chrdev_unregister(device);
	send_rest();
	u32 flags = lock_uart();
	set_ier(0);
	reg_write(MCR, MCR_ON);
	unlock_uart(flags);
	free_irq(action);
	if (on_console)
		console_release(CONSOLE_SERIAL);
}

module_init(uart_init);
module_exit(uart_exit);
MODULE_DESCRIPTION("16550 serial port, interrupt driven; device uart.");
MODULE_LICENSE("MIT");
