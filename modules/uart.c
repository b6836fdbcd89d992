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
#define MCR_RTS       0x02	/* low: a sender that watches it waits */
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
#define RETRY         (10 * NSEC_PER_MSEC)	/* until the console's reader may have made room */
#define MAX_PASSES    256	/* of one interrupt: a broken chip must not hold a CPU */

/* Fixed after init. */
static bool on_console;
static u32 fifo_depth;		/* 1: an older chip, or one whose FIFOs do not work (8.6.4) */
static struct irq_action *action;
static struct chrdev *device;
static struct timer *retry;	/* see stop_receiving() */

/* Under lock_uart(). */
static struct spinlock lock = SPINLOCK_IRQ("uart", RANK_DEVICE);
static u8 rx_buf[RING_SIZE], tx_buf[RING_SIZE];
static struct ring rx = { .buf = rx_buf, .size = RING_SIZE };
static struct ring tx = { .buf = tx_buf, .size = RING_SIZE };
static u8 ier, mcr;		/* what the chip's registers hold */
static bool stopped;		/* nothing is taken from the chip until there is room */
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

static void set_mcr(u8 value)
{
	mcr = value;
	reg_write(MCR, value);
}

/* -- room ------------------------------------------------------------------ */

static bool for_console(void) { return on_console && !grabber; }

static u32 room(void)
{
	return for_console() ? console_input_room() : RING_SIZE - ring_used(&rx);
}

/* What is not taken stays in the FIFO; when that is full, QEMU takes no more from
 * its side, and over a cable RTS tells the sender. The device's reader goes on by
 * receive_again(); when the console's takes something, nothing tells a driver, so
 * a timer looks. Caller holds the lock. */
static void stop_receiving(void)
{
	stopped = true;
	set_ier(ier & ~IER_RECEIVE);
	set_mcr(mcr & ~MCR_RTS);
	if (for_console())
		(void)timer_arm(retry, RETRY);	/* closed: the module is going, and RTS goes up then */
}

/* Enabling the interrupt raises it at once when something has arrived. Caller holds the lock. */
static void receive_again(void)
{
	if (stopped && room()) {
		stopped = false;
		set_mcr(mcr | MCR_RTS);
		set_ier(ier | IER_RECEIVE);
	} else if (stopped && for_console()) {
		(void)timer_arm(retry, RETRY);
	}
}

static void retry_receiving(void *arg)
{
	u32 flags = lock_uart();

	(void)arg;
	receive_again();
	unlock_uart(flags);
}

/* -- interrupt ------------------------------------------------------------- */

/* What is the console's goes to `chars`, to be handed over without the lock. */
struct batch {
	u32 n;
	u32 overran_at;			/* how many came before it was seen that the FIFO overran */
	u8 chars[BATCH];
};

static void hand_over(const struct batch *b)
{
	for (u32 i = 0; i <= b->n; i++) {
		if (i == b->overran_at)
			console_input_lost();
		if (i < b->n)
			console_input(b->chars[i]);
	}
}

/* Takes what has arrived, as far as there is room for it. Caller holds the lock. */
static void receive(struct batch *b)
{
	u32 space = MIN(room(), (u32)BATCH);

	for (u32 n = 0; ; n++) {
		u8 lsr = reg_read(LSR);
		if ((lsr & LSR_OVERRUN) || (on_console && serial_overran())) {
			count[UART_OVERRUNS]++;
			b->overran_at = b->n;
		}
		if (!(lsr & LSR_DR) || n == BATCH)
			break;
		if (n == space) {
			stop_receiving();
			break;
		}
		u8 byte = reg_read(RBR);
		count[UART_RECEIVED]++;
		count[UART_LINE_ERRORS] += !!(lsr & LSR_ERRORS);
		if (for_console())
			b->chars[b->n++] = byte;
		else
			(void)ring_put(&rx, byte);	/* there was room */
	}
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
	struct batch b = { .overran_at = ~0u };
	u32 flags = lock_uart();
	bool pending = !(reg_read(IIR) & IIR_NONE);

	*ours |= pending || echo_due || (ier & IER_TRANSMIT);
	if (pending) {
		count[UART_INTERRUPTS]++;
		receive(&b);
		transmit();
		echo_due = true;
	} else if (first) {
		echo_due = false;
	}
	unlock_uart(flags);
	if (on_console)
		hand_over(&b);
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
	receive_again();
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
	receive_again();
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
	reg_write(MCR, mcr | MCR_LOOP);
	while (reg_read(LSR) & LSR_DR)
		reg_read(RBR);
	for (u32 i = 0; i < 16 && !err; i++) {
		u8 byte = (u8)(0x5a ^ i * 17);
		reg_write(THR, byte);
		if (!wait_lsr(LSR_DR) || reg_read(RBR) != byte)
			err = -EIO;
	}
	reg_write(MCR, mcr);
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

static int loop_back(bool on)
{
	u32 flags = lock_uart();

	set_mcr(on ? mcr | MCR_LOOP : mcr & ~MCR_LOOP);
	unlock_uart(flags);
	return 0;
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
		return loop_back(arg);
	}
	return -ENOTTY;
}

static void uart_release(struct file *f)
{
	u32 flags = lock_uart();

	if (grabber == f)
		grabber = NULL;
	receive_again();
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
	set_mcr(MCR_ON);
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
			printk("uart: the console's port: %s\n", err == -EBUSY ? "another driver has it" : errno_text(err));
			return err;
		}
	}

	retry = timer_create("uart", retry_receiving, NULL);
	if (IS_ERR(retry)) {
		err = PTR_ERR(retry);
		goto out_console;
	}

	u32 flags = lock_uart();
	set_up_line();
	unlock_uart(flags);

	action = request_irq(irq, uart_interrupt, 0, "uart", NULL);
	if (IS_ERR(action)) {
		err = PTR_ERR(action);
		goto out_timer;
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
out_timer:
	timer_destroy(retry);
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
	set_mcr(MCR_ON);
	unlock_uart(flags);
	free_irq(action);
	timer_destroy(retry);
	if (on_console)
		console_release(CONSOLE_SERIAL);
}

module_init(uart_init);
module_exit(uart_exit);
MODULE_DESCRIPTION("16550 serial port, interrupt driven; device uart.");
MODULE_LICENSE("MIT");
