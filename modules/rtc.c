/* The CMOS real-time clock and its periodic interrupt (Motorola MC146818A data
 * sheet). Device "rtc": read gives the time, ioctl waits for a tick.
 *
 *     insmod rtc hz=64
 *     dev read rtc
 */
#include "module/api.h"
#include "modules/ioctl.h"

static u32 hz = 1024;
module_param(hz, uint);

#define RTC_IRQ        8
#define INDEX          0x70	/* bit 7 masks the NMI; here it is always written as 0 */
#define DATA           0x71

enum { SECONDS = 0, MINUTES = 2, HOURS = 4, DAY = 7, MONTH = 8, YEAR = 9,
       REG_A = 0x0a, REG_B = 0x0b, REG_C = 0x0c, REG_D = 0x0d, CENTURY = 0x32 };

#define A_UIP          0x80	/* the time changes within 244 us */
#define A_RATE         0x0f
#define B_24H          0x02
#define B_BINARY       0x04
#define B_PERIODIC     0x40
#define C_PERIODIC     0x40
#define HOUR_PM        0x80
#define TIME_LEN       20	/* "2026-11-21 07:45:12\n" */
#define READ_TRIES     100

struct rtc_time { u32 year, month, day, hour, minute, second; };

static struct irq_action *action;
static struct chrdev *device;

/* Index and data are two accesses that belong together. */
static struct spinlock lock = SPINLOCK_IRQ("rtc", RANK_DEVICE);
static u32 ticks;		/* written by the interrupt handler only */
static struct wait_queue tick_wait = WAIT_QUEUE(tick_wait, "rtc tick");

/* Caller holds lock. */
static u8 cmos_read(u8 reg)
{
	outb(INDEX, reg);
	return inb(DATA);
}

static void cmos_write(u8 reg, u8 value)
{
	outb(INDEX, reg);
	outb(DATA, value);
}

/* -- the time --------------------------------------------------------------- */

struct raw_time { u8 second, minute, hour, day, month, year, century, b; };

/* False while the clock is updating. Caller holds lock; with interrupts off
 * the reads are done well within the 244 us that UIP promises. */
static bool read_raw(struct raw_time *t)
{
	if (cmos_read(REG_A) & A_UIP)
		return false;
	*t = (struct raw_time){
		.second = cmos_read(SECONDS), .minute = cmos_read(MINUTES),
		.hour = cmos_read(HOURS), .day = cmos_read(DAY),
		.month = cmos_read(MONTH), .year = cmos_read(YEAR),
		.century = cmos_read(CENTURY), .b = cmos_read(REG_B),
	};
	return true;
}

static u32 number(u8 value, u8 b)
{
	return b & B_BINARY ? value : (u32)(value >> 4) * 10 + (value & 15);
}

/* The century is not in the data sheet: PCs keep it in BCD at 0x32, mostly. */
static u32 full_year(u32 year, u8 century_bcd)
{
	u32 century = (u32)(century_bcd >> 4) * 10 + (century_bcd & 15);

	if (century < 19 || century > 21)
		century = year < 70 ? 20 : 19;
	return century * 100 + year;
}

static void decode(const struct raw_time *r, struct rtc_time *t)
{
	u32 hour = number(r->hour & ~HOUR_PM, r->b);

	if (!(r->b & B_24H))
		hour = hour % 12 + (r->hour & HOUR_PM ? 12 : 0);
	*t = (struct rtc_time){
		.year = full_year(number(r->year, r->b), r->century),
		.month = number(r->month, r->b), .day = number(r->day, r->b), .hour = hour,
		.minute = number(r->minute, r->b), .second = number(r->second, r->b),
	};
}

/* Two readings that agree: an emulator may be held up for longer than the chip
 * allows. May sleep. */
static int read_time(struct rtc_time *t)
{
	struct raw_time a, b;

	for (u32 i = 0; i < READ_TRIES; i++) {
		u32 flags = spin_lock_irqsave(&lock);
		bool ok = read_raw(&a) && read_raw(&b);
		spin_unlock_irqrestore(&lock, flags);
		if (ok && !memcmp(&a, &b, sizeof(a))) {
			decode(&a, t);
			return 0;
		}
		int err = sleep_interruptible_ns(NSEC_PER_MSEC);
		if (err)
			return err;
	}
	return -EIO;
}

/* -- the tick --------------------------------------------------------------- */

/* Reading register C acknowledges: without it no other interrupt comes. */
static enum irq_result rtc_interrupt(u32 irq, void *arg)
{
	u32 flags = spin_lock_irqsave(&lock);
	u8 cause = cmos_read(REG_C);

	(void)irq, (void)arg;
	if (cause & C_PERIODIC)
		WRITE_ONCE(ticks, ticks + 1);
	spin_unlock_irqrestore(&lock, flags);
	if (!(cause & C_PERIODIC))
		return IRQ_NONE;
	wake_all(&tick_wait);
	return IRQ_HANDLED;
}

static int wait_tick(struct file *f)
{
	u32 seen = READ_ONCE(ticks);

	if (f->flags & FILE_NONBLOCK)
		return -EAGAIN;
	return wait_event(&tick_wait, READ_ONCE(ticks) != seen);
}

/* -- device ----------------------------------------------------------------- */

/* f->private: the second that this file has read, plus one. Reading again waits
 * for the next one, so that `cat rtc` is a clock. */
static int next_time(struct file *f, struct rtc_time *t)
{
	for (;;) {
		int err = read_time(t);
		if (err)
			return err;
		void *second = (void *)(t->second + 1);
		if (f->private != second || (f->flags & FILE_NONBLOCK)) {
			f->private = second;
			return 0;
		}
		err = sleep_interruptible_ns(20 * NSEC_PER_MSEC);
		if (err)
			return err;
	}
}

static int rtc_read(struct file *f, void *buf, u32 len)
{
	struct rtc_time t;
	char text[TIME_LEN + 1];
	int err = next_time(f, &t);

	if (err)
		return err;
	snprintf(text, sizeof(text), "%04u-%02u-%02u %02u:%02u:%02u\n",
	         t.year, t.month, t.day, t.hour, t.minute, t.second);
	len = MIN(len, (u32)TIME_LEN);
	memcpy(buf, text, len);
	return (int)len;
}

static int rtc_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)arg;
	switch (cmd) {
	case RTC_GET_COUNT: return (int)(READ_ONCE(ticks) & 0x7fffffff);
	case RTC_WAIT_TICK: return wait_tick(f);
	case RTC_GET_HZ:    return (int)hz;
	}
	return -ENOTTY;
}

static const struct chrdev_ops rtc_ops = { .read = rtc_read, .ioctl = rtc_ioctl };

/* -- life ------------------------------------------------------------------- */

/* Rate n divides 32768 Hz by 2^(n-1); 1 and 2 repeat 8 and 9. 0: not possible. */
static u8 __init rate_for(u32 wanted)
{
	for (u8 rate = 3; rate <= 15; rate++)
		if (32768u >> (rate - 1) == wanted)
			return rate;
	return 0;
}

/* Rate 0 switches it off. Reading register C takes the line down: one that is
 * still high gives no edge. */
static void set_periodic(u8 rate)
{
	u32 flags = spin_lock_irqsave(&lock);
	u8 b = cmos_read(REG_B) & ~B_PERIODIC;

	cmos_write(REG_B, b);
	cmos_read(REG_C);
	if (rate) {
		cmos_write(REG_A, (cmos_read(REG_A) & ~A_RATE) | rate);
		cmos_write(REG_B, b | B_PERIODIC);
	}
	spin_unlock_irqrestore(&lock, flags);
}

static int __init rtc_init(void)
{
	u8 rate = rate_for(hz);
	int err;

	if (!rate) {
		printk("rtc: hz=%u: must be a power of two from 2 to 8192\n", hz);
		return -EINVAL;
	}
	action = request_irq(RTC_IRQ, rtc_interrupt, 0, "rtc", NULL);
	if (IS_ERR(action))
		return PTR_ERR(action);
	device = chrdev_register("rtc", &rtc_ops, NULL);
	if (IS_ERR(device)) {
		err = PTR_ERR(device);
		goto out_irq;
	}
	set_periodic(rate);
	return 0;

out_irq:
	free_irq(action);
	return err;
}

static void __exit rtc_exit(void)
{
	chrdev_unregister(device);
	set_periodic(0);
	free_irq(action);
}

module_init(rtc_init);
module_exit(rtc_exit);
MODULE_DESCRIPTION("CMOS clock with its periodic interrupt; device rtc.");
MODULE_LICENSE("MIT");
