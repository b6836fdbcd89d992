/* faulty: a driver with a bug, in either home. Device "faulty": read gives a line; ioctl
 * follows a null pointer, in as bad a place as it is told, or runs out of stack
 * (modules/ioctl.h). */
#include "module/api.h"
#include "modules/ioctl.h"

static struct spinlock lock = SPINLOCK_IRQ("faulty", RANK_DEVICE);
static u32 count;
static struct wait_queue never = WAIT_QUEUE(never, "faulty");

/* The compiler must not see that it is null. */
static u32 *volatile nowhere;

static int faulty_read(struct file *f, void *buf, u32 len)
{
	static const char text[] = "faulty, and at work\n";

	(void)f;
	len = MIN(len, (u32)sizeof(text) - 1);
	memcpy(buf, text, len);
	return (int)len;
}

static noinline int follow_null(void)
{
	return (int)*nowhere;
}

static int follow_null_locked(void)
{
	u32 flags = spin_lock_irqsave(&lock);
	int got = follow_null();

	spin_unlock_irqrestore(&lock, flags);
	return got;
}

/* A driver that believed that its list would end. */
static volatile bool is_last;

static noinline int go_deeper(u32 depth)
{
	volatile u32 here = depth;

	return is_last ? 0 : go_deeper(depth + 1) + (int)here;
}

static int faulty_ioctl(struct file *f, u32 cmd, u32 arg)
{
	(void)f, (void)arg;
	switch (cmd) {
	case FAULTY_GET_COUNT:   return (int)(++count & 0x7fffffff);
	case FAULTY_NULL:        return follow_null();
	case FAULTY_NULL_LOCKED: return follow_null_locked();
	case FAULTY_DEEP:        return go_deeper(0);
	case FAULTY_WAITING:     return wait_event(&never, *nowhere);
	}
	return -ENOTTY;
}

static const struct chrdev_ops faulty_ops = { .read = faulty_read, .ioctl = faulty_ioctl };

static int __init faulty_init(void)
{
	struct chrdev *device = chrdev_register("faulty", &faulty_ops, NULL);

	return IS_ERR(device) ? PTR_ERR(device) : 0;
}

module_init(faulty_init);
MODULE_DESCRIPTION("A driver that faults when it is told to; device faulty.");
MODULE_LICENSE("MIT");
