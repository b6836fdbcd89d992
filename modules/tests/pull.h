/* A driver of one NE2000 card on PCI (QEMU's ne2k_pci in slot SLOT), used for nothing but its
 * interrupt line, which is level-triggered and shared. Registers: National Semiconductor
 * DP8390D, 4.4; a remote read of no bytes raises ISR.RDC at once. Included by pull_*.c, which
 * say SLOT and NAME. Device NAME: a read raises an interrupt, and waits until it has been
 * handled; ioctl 1 has a work item raise them for so many milliseconds, which leaves for
 * nothing; ioctl 0 says how many came. With dies=1 init fails at its end, and
 * the line comes up behind that: nobody silences the device then. */
#include "module/api.h"

#define REG_COMMAND  0x00
#define REG_ISR      0x07
#define REG_COUNT_LO 0x0a
#define REG_COUNT_HI 0x0b
#define REG_IMR      0x0f
#define CMD_START_READ 0x0a		/* start, remote read */
#define ISR_RDC      0x40		/* remote DMA complete */

static struct spinlock lock = SPINLOCK_IRQ(NAME, RANK_DEVICE);
static struct wait_queue came = WAIT_QUEUE(came, NAME);
static u16 port;
static u32 handled, pull_ms;
static struct work *puller;
static int dies;
static bool waits;
module_param(dies, int);

static u32 config(u32 reg)
{
	u32 value;

	outl(0xcf8, 0x80000000u | SLOT << 11 | reg);
	value = inl(0xcfc);
	return value;
}

static void raise(void)
{
	u32 flags = spin_lock_irqsave(&lock);

	outb(port + REG_COUNT_LO, 0);
	outb(port + REG_COUNT_HI, 0);
	outb(port + REG_COMMAND, CMD_START_READ);
	spin_unlock_irqrestore(&lock, flags);
}

static enum irq_result on_irq(u32 irq, void *arg)
{
	u32 flags = spin_lock_irqsave(&lock);
	bool mine = inb(port + REG_ISR) & ISR_RDC;

	(void)irq, (void)arg;
	if (mine)
		outb(port + REG_ISR, ISR_RDC);
	handled += mine;
	spin_unlock_irqrestore(&lock, flags);
	if (mine)
		wake_all(&came);
	return mine ? IRQ_HANDLED : IRQ_NONE;
}

static int pull_read(struct file *f, void *buf, u32 len)
{
	u32 before = READ_ONCE(handled);
	int err;

	(void)f, (void)buf;
	raise();
	err = wait_event_timeout(&came, READ_ONCE(handled) != before, 10 * NSEC_PER_SEC);
	return err ? err : (int)len;
}

/* Also when it is told to leave. */
static void pull(void *arg)
{
	u64 end = clock_ns() + pull_ms * NSEC_PER_MSEC;

	(void)arg;
	while (!clock_passed(end)) {
		raise();
		sleep_ms(1);
	}
}

/* Its doors are closed by the time that it is told to leave: what it raises stays. */
static void pull_last(void *arg)
{
	(void)arg;
	WRITE_ONCE(waits, true);
	while (!sleep_interruptible_ns(NSEC_PER_MSEC))
		;
	raise();
}

static int pull_for(u32 ms)
{
	pull_ms = ms;
	return work_queue(puller) ? 0 : -EBUSY;
}

static int pull_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)f;
	return cmd == 0 ? (int)READ_ONCE(handled) : cmd == 1 ? pull_for(arg) : -ENOTTY;
}

static const struct chrdev_ops ops = { .read = pull_read, .ioctl = pull_ioctl };

static int __init pull_init(void)
{
	struct irq_action *action;
	struct chrdev *device;

	if (config(0) != 0x802910ec) {
		printk(NAME ": no ne2k_pci in slot %u\n", SLOT);
		return -ENODEV;
	}
	port = (u16)(config(0x10) & ~3u);
	outb(port + REG_ISR, 0xff);
	action = request_irq(config(0x3c) & 0xff, on_irq, IRQF_SHARED, NAME, NULL);
	if (IS_ERR(action))
		return PTR_ERR(action);
	outb(port + REG_IMR, ISR_RDC);
	puller = work_create(NAME, dies ? pull_last : pull, NULL);
	if (IS_ERR(puller))
		return PTR_ERR(puller);
	device = chrdev_register(NAME, &ops, NULL);
	if (IS_ERR(device))
		return PTR_ERR(device);
	if (!dies)
		return 0;
	(void)work_queue(puller);
	while (!READ_ONCE(waits))	/* queued only, it would not run any more */
		sleep_ms(1);
	return -EIO;
}
module_init(pull_init);

static void __exit pull_exit(void)
{
	outb(port + REG_IMR, 0);
}
module_exit(pull_exit);

MODULE_DESCRIPTION("One of two drivers that share an interrupt line; device " NAME ".");
MODULE_LICENSE("MIT");
MODULE_NEEDS("ne2k_pci");
