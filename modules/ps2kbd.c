/* The PS/2 keyboard behind an i8042 (IBM PS/2 Hardware Interface Technical
 * Reference, "Keyboard and Auxiliary Device Controller"). What is typed goes to
 * the console; device "kbd" reads the raw scan codes. */
#include "module/api.h"
#include "modules/ioctl.h"

#define KEYBOARD_IRQ     1
#define DATA             0x60
#define STATUS           0x64
#define COMMAND          0x64

#define STATUS_OUTPUT    0x01	/* a byte for us */
#define STATUS_INPUT     0x02	/* busy with a byte of ours */
#define STATUS_MOUSE     0x20	/* the byte is the mouse's */

#define CMD_READ_CONFIG  0x20
#define CMD_WRITE_CONFIG 0x60
#define CMD_KBD_OFF      0xad
#define CMD_KBD_ON       0xae
#define CONFIG_KBD_IRQ   0x01

#define RING_SIZE        128

static struct irq_action *action;
static struct chrdev *device;

/* Under lock. */
static struct spinlock lock = SPINLOCK_IRQ("ps2kbd", RANK_DEVICE);
static u8 codes_buf[RING_SIZE];
static struct ring codes = { .buf = codes_buf, .size = RING_SIZE };
static u32 readers;		/* open files: without one nothing is kept */
static u32 total;

static struct wait_queue wait = WAIT_QUEUE(wait, "kbd");

/* -- interrupt ------------------------------------------------------------- */

static bool next_code(u8 *code)
{
	u8 status = inb(STATUS);

	if (!(status & STATUS_OUTPUT) || (status & STATUS_MOUSE))
		return false;
	*code = inb(DATA);
	return true;
}

static enum irq_result kbd_interrupt(u32 irq, void *arg)
{
	enum irq_result result = IRQ_NONE;
	u8 code;

	(void)irq, (void)arg;
	while (next_code(&code)) {
		u32 flags = spin_lock_irqsave(&lock);
		total++;
		if (readers)
			ring_put(&codes, code);	/* full: the reader sleeps, its loss */
		spin_unlock_irqrestore(&lock, flags);
		console_scancode(code);
		result = IRQ_HANDLED;
	}
	if (result == IRQ_HANDLED)
		wake_all(&wait);
	return result;
}

/* -- device ----------------------------------------------------------------- */

static int kbd_open(struct file *f)
{
	u32 flags = spin_lock_irqsave(&lock);

	(void)f;
	if (readers++ == 0)
		ring_init(&codes, codes_buf, RING_SIZE);
	spin_unlock_irqrestore(&lock, flags);
	return 0;
}

static void kbd_release(struct file *f)
{
	u32 flags = spin_lock_irqsave(&lock);

	(void)f;
	readers--;
	spin_unlock_irqrestore(&lock, flags);
}

static u32 take_codes(u8 *buf, u32 len)
{
	u32 n = 0, flags = spin_lock_irqsave(&lock);

	while (n < len && ring_get(&codes, &buf[n]))
		n++;
	spin_unlock_irqrestore(&lock, flags);
	return n;
}

static int kbd_read(struct file *f, void *buf, u32 len)
{
	for (;;) {
		u32 n = take_codes(buf, len);
		if (n || !len)
			return (int)n;
		if (f->flags & FILE_NONBLOCK)
			return -EAGAIN;
		int err = wait_event(&wait, ring_used(&codes));
		if (err)
			return err;
	}
}

static int kbd_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)f, (void)arg;
	return cmd == KBD_GET_COUNT ? (int)(READ_ONCE(total) & 0x7fffffff) : -ENOTTY;
}

static const struct chrdev_ops kbd_ops = {
	.open = kbd_open, .release = kbd_release, .read = kbd_read, .ioctl = kbd_ioctl,
};

/* -- life ------------------------------------------------------------------- */

static bool wait_status(u8 bit, u8 value)
{
	u64 deadline = clock_ns() + 20 * NSEC_PER_MSEC;

	while ((inb(STATUS) & bit) != value) {
		if (clock_passed(deadline))
			return false;
		cpu_relax();
	}
	return true;
}

static bool send(u16 to, u8 byte)
{
	if (!wait_status(STATUS_INPUT, 0))
		return false;
	outb(to, byte);
	return true;
}

/* Keys that wait are handed on: a Shift whose release was lost would stay down. */
static void hand_on_waiting(void)
{
	for (u32 i = 0; i < 16 && (inb(STATUS) & STATUS_OUTPUT); i++) {
		u8 code;
		if (next_code(&code))
			console_scancode(code);
		else
			inb(DATA);	/* the mouse's */
	}
}

/* With the keyboard held back, so that the answer is not mistaken for a key.
 * The handler must not run meanwhile: its interrupt is off, or it is gone. */
static bool set_interrupt(bool on)
{
	bool ok = send(COMMAND, CMD_KBD_OFF) && wait_status(STATUS_INPUT, 0);

	if (ok)
		hand_on_waiting();
	ok = ok && send(COMMAND, CMD_READ_CONFIG) && wait_status(STATUS_OUTPUT, STATUS_OUTPUT);
	if (ok) {
		u8 config = inb(DATA);
		config = on ? config | CONFIG_KBD_IRQ : config & ~CONFIG_KBD_IRQ;
		ok = send(COMMAND, CMD_WRITE_CONFIG) && send(DATA, config);
	}
	return send(COMMAND, CMD_KBD_ON) && ok;
}

static int __init ps2kbd_init(void)
{
	int err = console_claim(CONSOLE_KEYBOARD);

	if (err) {
		printk("ps2kbd: %s\n", err == -ENODEV ? "no i8042 keyboard controller" :
		                       err == -EBUSY  ? "another driver has the keyboard" : errno_text(err));
		return err;
	}
	action = request_irq(KEYBOARD_IRQ, kbd_interrupt, 0, "ps2kbd", NULL);
	if (IS_ERR(action)) {
		err = PTR_ERR(action);
		goto out_console;
	}
	device = chrdev_register("kbd", &kbd_ops, NULL);
	if (IS_ERR(device)) {
		err = PTR_ERR(device);
		goto out_irq;
	}
	err = -EIO;
	if (!set_interrupt(true))
		goto out_device;
	return 0;

out_device:
	printk("ps2kbd: the keyboard controller does not take commands\n");
	chrdev_unregister(device);
out_irq:
	free_irq(action);
out_console:
	console_release(CONSOLE_KEYBOARD);
	return err;
}

static void __exit ps2kbd_exit(void)
{
	chrdev_unregister(device);
	free_irq(action);
	set_interrupt(false);
	console_release(CONSOLE_KEYBOARD);
}

module_init(ps2kbd_init);
module_exit(ps2kbd_exit);
MODULE_DESCRIPTION("PS/2 keyboard, interrupt driven; device kbd.");
MODULE_LICENSE("MIT");
