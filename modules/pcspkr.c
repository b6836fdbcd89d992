/* The PC speaker: channel 2 of the 8254 timer makes a square wave, port 0x61
 * lets it through (Intel 8254 data sheet; IBM PC AT Technical Reference).
 *
 *     dev write beep "440 200"          440 Hz for 200 ms
 */
#include "module/api.h"
#include "modules/ioctl.h"

#define PIT_HZ        1193182
#define PIT_CHANNEL2  0x42
#define PIT_COMMAND   0x43
#define SQUARE_WAVE2  0xb6	/* channel 2, low then high byte, mode 3 */
#define GATE          0x61
#define GATE_SPEAKER  0x03	/* counter on, speaker on */

#define MIN_HZ        20
#define MAX_HZ        20000
#define MAX_MS        10000

static struct chrdev *device;
static struct timer *tone_end;
/* The two halves of a divisor, and the read-modify-write of port 0x61. */
static struct spinlock lock = SPINLOCK_IRQ("pcspkr", RANK_DEVICE);
static u32 tones;		/* under lock */

static void tone_on(u32 hz)
{
	u32 divisor = PIT_HZ / hz;
	u32 flags = spin_lock_irqsave(&lock);

	outb(PIT_COMMAND, SQUARE_WAVE2);
	outb(PIT_CHANNEL2, (u8)divisor);
	outb(PIT_CHANNEL2, (u8)(divisor >> 8));
	outb(GATE, inb(GATE) | GATE_SPEAKER);
	tones++;
	spin_unlock_irqrestore(&lock, flags);
}

static void tone_off(void *arg)
{
	u32 flags = spin_lock_irqsave(&lock);

	(void)arg;
	outb(GATE, inb(GATE) & ~GATE_SPEAKER);
	spin_unlock_irqrestore(&lock, flags);
}

/* Takes blanks and one number off the text at *at; false when there is none.
 * Saturates, so that a long one is out of range and not something else. */
static bool take_number(const char **at, const char *end, u32 *out)
{
	const char *p = *at;
	u32 value = 0;

	while (p < end && *p == ' ')
		p++;
	const char *digits = p;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		value = MIN(value * 10 + (u32)(*p - '0'), 1000000u);
	*at = p;
	*out = value;
	return p > digits;
}

/* A tone that still sounds gives way to the new one. */
static int beep_write(struct file *f, const void *buf, u32 len)
{
	const char *at = buf, *end = at + len;
	u32 hz, ms;

	(void)f;
	if (!take_number(&at, end, &hz) || !take_number(&at, end, &ms) ||
	    (at < end && *at != '\n'))
		return -EINVAL;
	if (hz < MIN_HZ || hz > MAX_HZ || ms > MAX_MS)
		return -ERANGE;
	tone_on(hz);
	int err = timer_arm(tone_end, ms * NSEC_PER_MSEC);
	if (err)
		tone_off(NULL);
	return err ? err : (int)len;
}

static int beep_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)f, (void)arg;
	switch (cmd) {
	case BEEP_GET_COUNT:
		return (int)(READ_ONCE(tones) & 0x7fffffff);
	case BEEP_STOP:
		timer_cancel(tone_end);
		tone_off(NULL);
		return 0;
	}
	return -ENOTTY;
}

static const struct chrdev_ops beep_ops = { .write = beep_write, .ioctl = beep_ioctl };

static int __init pcspkr_init(void)
{
	int err;

	tone_end = timer_create("beep", tone_off, NULL);
	if (IS_ERR(tone_end))
		return PTR_ERR(tone_end);
	device = chrdev_register("beep", &beep_ops, NULL);
	if (IS_ERR(device)) {
		err = PTR_ERR(device);
		goto out_timer;
	}
	return 0;

out_timer:
	timer_destroy(tone_end);
	return err;
}

static void __exit pcspkr_exit(void)
{
	chrdev_unregister(device);
	timer_destroy(tone_end);
	tone_off(NULL);
}

module_init(pcspkr_init);
module_exit(pcspkr_exit);
MODULE_DESCRIPTION("PC speaker; device beep.");
MODULE_LICENSE("MIT");
